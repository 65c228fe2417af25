//! A collector of spans, by HTTP and by gRPC.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::oneshot;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

/// One that is spoken to by HTTP.
pub struct HttpCollector {
    pub sim: Simulator,
}

impl HttpCollector {
    pub fn start() -> Self {
        let sim = Simulator::start(Options::default()).expect("loopback has ports");
        sim.crm().set_behaviour(Behaviour::Reply(Reply::status(200)));
        Self { sim }
    }

    pub fn url(&self) -> String {
        self.sim.crm().base_url()
    }

    /// What has come so far.
    pub fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.sim.crm().received();
        let decoded = received.iter().map(|request| {
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            ExportTraceServiceRequest::decode(request.body.as_slice()).expect("spans")
        });
        decoded.collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        spans_of(&self.exports())
    }
}

/// One that is spoken to by gRPC; it ends when dropped.
pub struct GrpcCollector {
    pub address: SocketAddr,
    came: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    _stop: oneshot::Sender<()>,
}

struct Service(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().expect("no test panics with it").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl GrpcCollector {
    pub fn start() -> Self {
        Self::start_with(Server::builder())
    }

    /// The same with TLS: a certificate and its key, in PEM.
    pub fn start_tls((certificate, key): (String, String)) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        Self::start_with(Server::builder().tls_config(tls).expect("key and certificate fit"))
    }

    fn start_with(mut server: Server) -> Self {
        let came = Arc::default();
        let service = TraceServiceServer::new(Service(Arc::clone(&came)));
        let (address_to, address_of) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                let incoming = TcpIncoming::bind(any).expect("loopback has ports");
                address_to.send(incoming.local_addr().expect("it listens")).expect("a test waits");
                let until = async { drop(stopped.await) };
                let server = server.add_service(service);
                server.serve_with_incoming_shutdown(incoming, until).await.expect("it serves");
            });
        });
        Self { address: address_of.recv().expect("it starts"), came, _stop: stop }
    }

    pub fn spans(&self) -> Vec<Span> {
        spans_of(&self.came.lock().expect("no test panics with it"))
    }
}

fn spans_of(exports: &[ExportTraceServiceRequest]) -> Vec<Span> {
    let resources = exports.iter().flat_map(|export| &export.resource_spans);
    resources
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| scope.spans.clone())
        .collect()
}

/// An attribute as text; empty if there is none.
pub fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(other) => panic!("{key}: {other:?}"),
    }
}
