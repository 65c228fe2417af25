//! The regions of Genesys Cloud and where each hands out its tokens.

/// One region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The name that AWS has for it, for example `eu-central-1`.
    pub aws_name: &'static str,
    /// The base domain of its hosts, for example `mypurecloud.de`.
    pub domain: &'static str,
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
    region("us-east-1", "mypurecloud.com"),
    region("us-east-2", "use2.us-gov-pure.cloud"),
    region("us-west-2", "usw2.pure.cloud"),
    region("eu-west-1", "mypurecloud.ie"),
    region("eu-west-2", "euw2.pure.cloud"),
    region("ap-southeast-2", "mypurecloud.com.au"),
    region("ap-northeast-1", "mypurecloud.jp"),
    region("eu-central-1", "mypurecloud.de"),
    region("ca-central-1", "cac1.pure.cloud"),
    region("ap-northeast-2", "apne2.pure.cloud"),
    region("ap-south-1", "aps1.pure.cloud"),
    region("sa-east-1", "sae1.pure.cloud"),
    region("ap-northeast-3", "apne3.pure.cloud"),
    region("eu-central-2", "euc2.pure.cloud"),
    region("me-central-1", "mec1.pure.cloud"),
    region("mx-central-1", "mxc1.pure.cloud"),
    region("ap-southeast-1", "apse1.pure.cloud"),
    region("eusc-de-east-1", "edee1.eusc-pure.cloud"),
];

const fn region(aws_name: &'static str, domain: &'static str) -> Region {
    Region { aws_name, domain }
}

/// The region of a base domain or of an AWS name.
pub fn find(name: &str) -> Option<Region> {
    let same = |known: &str| known.eq_ignore_ascii_case(name.trim());
    REGIONS.into_iter().find(|region| same(region.domain) || same(region.aws_name))
}

/// Every region as a person may write it, for messages.
pub fn known() -> String {
    let names: Vec<String> =
        REGIONS.iter().map(|region| format!("{} ({})", region.domain, region.aws_name)).collect();
    names.join(", ")
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
    fn no_region_is_listed_twice() {
        for region in REGIONS {
            assert_eq!(find(region.domain), Some(region));
            assert_eq!(find(region.aws_name), Some(region));
        }
    }
}
