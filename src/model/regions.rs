//! The regions of Genesys Cloud and where each hands out its tokens.

/// One region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The name that AWS has for it, for example `eu-central-1`.
    pub aws_name: &'static str,
    /// The base domain of its hosts, for example `mypurecloud.de`.
    pub domain: &'static str,
    /// Where it is, as people call it.
    pub place: &'static str,
}

impl Region {
    /// The URL of the token endpoint.
    pub fn token_url(self) -> String {
        format!("https://login.{}/oauth/token", self.domain)
    }

    /// Scheme and host of its API.
    pub fn api_url(self) -> String {
        format!("https://api.{}", self.domain)
    }
}

/// Every region: Genesys Cloud's own list.
const REGIONS: [Region; 18] = [
    region("us-east-1", "mypurecloud.com", "Virginia"),
    region("us-east-2", "use2.us-gov-pure.cloud", "Ohio"),
    region("us-west-2", "usw2.pure.cloud", "Oregon"),
    region("eu-west-1", "mypurecloud.ie", "Ireland"),
    region("eu-west-2", "euw2.pure.cloud", "London"),
    region("ap-southeast-2", "mypurecloud.com.au", "Sydney"),
    region("ap-northeast-1", "mypurecloud.jp", "Tokyo"),
    region("eu-central-1", "mypurecloud.de", "Frankfurt"),
    region("ca-central-1", "cac1.pure.cloud", "Canada"),
    region("ap-northeast-2", "apne2.pure.cloud", "Seoul"),
    region("ap-south-1", "aps1.pure.cloud", "Mumbai"),
    region("sa-east-1", "sae1.pure.cloud", "Sao Paulo"),
    region("ap-northeast-3", "apne3.pure.cloud", "Osaka"),
    region("eu-central-2", "euc2.pure.cloud", "Zurich"),
    region("me-central-1", "mec1.pure.cloud", "Dubai"),
    region("mx-central-1", "mxc1.pure.cloud", "Mexico"),
    region("ap-southeast-1", "apse1.pure.cloud", "Singapore"),
    region("eusc-de-east-1", "edee1.eusc-pure.cloud", "Brandenburg"),
];

const fn region(aws_name: &'static str, domain: &'static str, place: &'static str) -> Region {
    Region { aws_name, domain, place }
}

/// The region of a base domain or of an AWS name.
pub fn find(name: &str) -> Option<Region> {
    let same = |known: &str| known.eq_ignore_ascii_case(name.trim());
    REGIONS.into_iter().find(|region| same(region.domain) || same(region.aws_name))
}

/// The region that a name that is none may mean, or all of them, for messages.
pub fn allowed(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let is_meant = |region: &&Region| {
        let place = region.place.to_lowercase();
        !name.is_empty() && (name.contains(&place) || name.contains(region.domain))
    };
    if let Some(Region { aws_name, domain, place }) = REGIONS.iter().find(is_meant) {
        return format!("did you mean \"{aws_name}\" ({domain}, {place})?");
    }
    let shown = |region: &Region| format!("{} ({})", region.domain, region.aws_name);
    format!("one of {}", REGIONS.iter().map(shown).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_by_its_domain_and_by_its_aws_name() {
        for name in ["mypurecloud.de", "eu-central-1", "MyPureCloud.DE"] {
            let url = find(name).map(Region::token_url);
            assert_eq!(url.as_deref(), Some("https://login.mypurecloud.de/oauth/token"), "{name}");
        }
        assert_eq!(find("mypurecloud.xx"), None);
    }

    #[test]
    fn the_regions_are_those_of_the_published_list() {
        let list = include_str!("../../tests/fixtures/genesys-regions.tsv");
        let rows: Vec<String> = REGIONS
            .into_iter()
            .map(|region| {
                let (name, domain) = (region.aws_name, region.domain);
                let login = format!("https://login.{domain}");
                [name, domain, &login, &region.api_url(), &region.token_url()].join("\t")
            })
            .collect();
        let published: Vec<&str> = list.lines().skip(1).collect();
        assert_eq!(rows, published);
    }

    #[test]
    fn a_place_and_a_host_are_told_the_region_that_is_meant() {
        for name in ["frankfurt", "EU Frankfurt", "https://api.mypurecloud.de", "Frankfurt "] {
            let meant = "did you mean \"eu-central-1\" (mypurecloud.de, Frankfurt)?";
            assert_eq!(allowed(name), meant, "{name}");
        }
        for name in ["", "mars", "eu"] {
            assert!(allowed(name).starts_with("one of mypurecloud.com (us-east-1), "), "{name}");
        }
    }

    #[test]
    fn no_region_is_listed_twice() {
        for region in REGIONS {
            assert_eq!(find(region.domain), Some(region));
            assert_eq!(find(region.aws_name), Some(region));
        }
    }
}
