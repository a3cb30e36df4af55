//! The way from one run to its servers: what a schedule says happens before the request of a number, or to the run.

use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use github_emulator::ResponseBody;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kube_status_to_github::{
    github::{self, Credentials, GitHub},
    report::Progress,
    source::Kept,
    sync::{self, Settings, run_once},
};
use octocrab::OctoBody;
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tower::ServiceExt;

use crate::{
    api_server::Answer,
    ledger::Author,
    steps::{Meanwhile, Runner, Trouble},
    world::{Ended, Shared, TOKEN, World},
};

/// Everything that a run sends passes here.
#[derive(Clone)]
pub struct Wire {
    pub world: World,
    pub run: usize,
    pub runner: Runner,
    pub trouble: Arc<Trouble>,
    pub meanwhile: Option<Meanwhile>,
    pub requests: Arc<Mutex<(u32, usize)>>,
    pub killed: Arc<Notify>,
}

/// The answer to a request, once it comes.
type Answering<Body> = Pin<Box<dyn Future<Output = io::Result<Response<Body>>> + Send>>;

impl Wire {
    /// The run, in this process.
    pub async fn call(&self, cluster: usize, settings: &Settings) -> Ended {
        let credentials = Credentials::Token(TOKEN.to_owned().into());
        let address = github::Settings::new("https://api.github.com".parse().unwrap(), credentials);
        let emulator = self.world.github.clone();
        let stop = watch::Sender::new(false);
        let world = sync::World {
            kubernetes: Some(kube::Client::new(self.kubernetes(cluster), "default")),
            github: GitHub::with_service(self.github(), &address).unwrap(),
            now: Arc::new(move || emulator.now()),
            stop: stop.subscribe(),
            kept: Kept::default(),
            progress: Progress::new(false),
        };
        tokio::select! {
            biased;
            () = self.killed.notified() => Ended::Killed,
            pass = run_once(&world, settings) => match pass {
                Ok(pass) => Ended::Done(Box::new(pass.document)),
                Err(error) => Ended::Failed(error.to_string()),
            },
        }
    }

    /// What happens before a request; true if the run is to be killed after it.
    async fn before(&self, to_github: bool) -> bool {
        let (number, turn) = {
            let mut requests = self.requests.lock().unwrap();
            requests.0 += 1;
            requests.1 += usize::from(to_github);
            *requests
        };
        let pace = &self.trouble.pace;
        if to_github && !pace.is_empty() {
            sleep(Duration::from_millis(pace[(turn - 1) % pace.len()])).await;
        }
        if let Some(meanwhile) = self.meanwhile.as_ref().filter(|meanwhile| meanwhile.request == number) {
            self.world.change(&meanwhile.change).await;
            let flags = self.world.flags_of(self.runner);
            let Shared { truth, ledger, .. } = &mut *self.world.shared();
            let mut sources = truth.sources();
            sources.extend(flags.map(|(source, ..)| source));
            ledger.observe(&sources);
        }
        match self.trouble.kill {
            Some(kill) if kill.request == number && !kill.after => self.kill().await,
            Some(kill) => kill.request == number,
            None => false,
        }
    }

    async fn kill(&self) -> ! {
        self.killed.notify_one();
        pending::<()>().await;
        unreachable!("a killed run goes no further")
    }

    pub fn kubernetes(
        &self,
        cluster: usize,
    ) -> impl tower::Service<
        Request<kube::client::Body>,
        Response = Response<Answer>,
        Error = io::Error,
        Future = impl Future<Output = io::Result<Response<Answer>>> + Send + 'static,
    > + Clone
    + Send
    + 'static {
        let wire = self.clone();
        tower::service_fn(move |request: Request<kube::client::Body>| {
            let wire = wire.clone();
            Box::pin(async move {
                let last = wire.before(false).await;
                let response = wire.world.apis[cluster].respond(request).await;
                if last { wire.kill().await } else { response }
            }) as Answering<Answer>
        })
    }

    pub fn github(
        &self,
    ) -> impl tower::Service<
        Request<OctoBody>,
        Response = Response<ResponseBody>,
        Error = io::Error,
        Future = Answering<ResponseBody>,
    > + Clone
    + Send
    + 'static {
        let wire = self.clone();
        tower::service_fn(move |request: Request<OctoBody>| {
            let wire = wire.clone();
            Box::pin(async move {
                let last = wire.before(true).await;
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                let write = Write::of(&head, &body);
                let request = Request::from_parts(head, Full::<Bytes>::new(body));
                let mut answer = pin!(wire.world.github.service().oneshot(request));
                let answer = poll_fn(|context: &mut Context<'_>| {
                    let polled = match &write {
                        // What GitHub did by itself until now, this run did not do.
                        Some(write) => {
                            wire.world.sync(Author::Tool, false);
                            let polled = answer.as_mut().poll(context);
                            wire.world.sync(Author::Run(wire.run), write.auto_inactive);
                            polled
                        }
                        None => answer.as_mut().poll(context),
                    };
                    if last {
                        Poll::Ready(polled)
                    } else {
                        polled.map(Poll::Ready)
                    }
                })
                .await;
                match answer {
                    Poll::Ready(answer) if !last => answer,
                    _ => wire.kill().await,
                }
            }) as Answering<ResponseBody>
        })
    }
}

/// A request that may write.
struct Write {
    auto_inactive: bool,
}

impl Write {
    fn of(head: &http::request::Parts, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mutates = body["query"]
            .as_str()
            .is_some_and(|query| query.trim_start().starts_with("mutation"));
        let creates = head.method == http::Method::POST && head.uri.path().ends_with("/deployments");
        let auto_inactive = body["variables"]["input"]["autoInactive"] == true;
        (mutates || creates).then_some(Self { auto_inactive })
    }
}
