use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use awc::http::header::{HeaderName, HeaderValue};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::*;
use crate::policy::auth::TokenError;
use crate::policy::fake::{Fake, Surroundings, failed, request, response};

type Inner = Rc<Fake<Response>>;

/// A credential whose next token takes 100 ms, if there is one.
struct Tokens {
    at_hand: Cell<u64>,
    /// The generations that come when they are waited for.
    next: RefCell<Vec<u64>>,
    waited_for: Cell<usize>,
    renewed: RefCell<Vec<u64>>,
}

impl Tokens {
    fn new(at_hand: u64, next: &[u64]) -> Rc<Self> {
        Rc::new(Self {
            at_hand: Cell::new(at_hand),
            next: RefCell::new(next.to_vec()),
            waited_for: Cell::default(),
            renewed: RefCell::default(),
        })
    }
}

fn token(generation: u64) -> Token {
    let authorization = HeaderValue::try_from(format!("Bearer {generation}")).expect("a header");
    Token { generation, authorization }
}

impl TokenProvider for Tokens {
    fn at_hand(&self, _: Instant) -> Option<Token> {
        Some(self.at_hand.get()).filter(|generation| *generation > 0).map(token)
    }

    fn obtain(&self, _: u64, _: Instant) -> LocalBoxFuture<'_, Result<Token, TokenError>> {
        self.waited_for.set(self.waited_for.get() + 1);
        async {
            clock::sleep_until(clock::now() + Duration::from_millis(100)).await;
            let next = self.next.borrow_mut().pop().ok_or(TokenError::TooLate)?;
            self.at_hand.set(next);
            Ok(token(next))
        }
        .boxed_local()
    }

    fn renew(&self, after: u64) {
        self.renewed.borrow_mut().push(after);
    }
}

fn authorized(inner: &Inner, auth: Auth) -> Authorized<Inner> {
    Authorized::new("crm".to_owned(), auth, Arc::default(), Resend::AfterAny, Rc::clone(inner))
}

fn credentials(inner: &Inner) -> Vec<Option<String>> {
    inner.calls.borrow().iter().map(|call| call.credential.clone()).collect()
}

fn bearer(generations: &[u64]) -> Vec<Option<String>> {
    generations.iter().map(|generation| Some(format!("Bearer {generation}"))).collect()
}

fn refused() -> Result<Response, Failure> {
    Err(failed(FailureKind::TokenRefused))
}

async fn ask(authorized: &Authorized<Inner>, around: &Surroundings) -> Result<u16, FailureKind> {
    let sendings = crate::policy::fetch_context::Sendings::default();
    let cx = around.context(5000).of_request(&sendings);
    let result = authorized.call(&request("/"), &cx).await;
    result.map(|response| response.status).map_err(|failure| failure.kind)
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_what_the_source_is_configured_with() {
    let inner = Fake::of((0..3).map(|_| Ok(response(200, "1"))));
    let around = Surroundings::new();
    let secret = Auth::Header {
        name: HeaderName::from_static("x-api-key"),
        value: HeaderValue::from_static("key-1"),
    };
    for auth in [Auth::None, secret, Auth::Token(Tokens::new(7, &[]))] {
        assert_eq!(ask(&authorized(&inner, auth), &around).await, Ok(200));
    }
    let sent = [None, Some("key-1".to_owned()), Some("Bearer 7".to_owned())];
    assert_eq!((credentials(&inner), around.passed()), (sent.to_vec(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_at_hand_is_waited_for_and_the_wait_is_recorded() {
    let inner = Fake::of([Ok(response(200, "1"))]);
    let around = Surroundings::new();
    let tokens = Tokens::new(0, &[1]);
    assert_eq!(ask(&authorized(&inner, Auth::Token(tokens)), &around).await, Ok(200));
    let spans = around.spans();
    let wait = spans.iter().find(|span| span.kind == SpanKind::Token).expect("the wait");
    assert_eq!(wait.end - wait.start, Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_and_the_request_sent_once_more() {
    let inner = Fake::of([refused(), Ok(response(200, "1"))]);
    let around = Surroundings::new();
    let tokens = Tokens::new(1, &[2]);
    let source = authorized(&inner, Auth::Token(Rc::clone(&tokens) as Rc<dyn TokenProvider>));
    assert_eq!(ask(&source, &around).await, Ok(200));
    assert_eq!(credentials(&inner), bearer(&[1, 2]));
    assert_eq!(*tokens.renewed.borrow(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_is_refused_as_well_ends_it_and_causes_no_other() {
    let inner = Fake::of([refused(), refused(), refused()]);
    let around = Surroundings::new();
    let tokens = Tokens::new(1, &[2]);
    let source = authorized(&inner, Auth::Token(Rc::clone(&tokens) as Rc<dyn TokenProvider>));
    assert_eq!(ask(&source, &around).await, Err(FailureKind::FreshTokenRefused));
    assert_eq!(ask(&source, &around).await, Err(FailureKind::FreshTokenRefused));
    assert_eq!(credentials(&inner), bearer(&[1, 2, 2]));
    assert_eq!(*tokens.renewed.borrow(), [1]);
}

#[tokio::test(start_paused = true)]
async fn where_no_other_token_came_that_is_told_with_the_refusal() {
    let inner = Fake::of([refused()]);
    let around = Surroundings::new();
    let source = authorized(&inner, Auth::Token(Tokens::new(1, &[])));
    assert_eq!(ask(&source, &around).await, Err(FailureKind::NoOtherToken));
    let none = authorized(&inner, Auth::Token(Tokens::new(0, &[])));
    assert_eq!(ask(&none, &around).await, Err(FailureKind::NoToken), "none was refused");
    assert_eq!(inner.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_token_is_waited_for_while_the_circuit_is_open() {
    let inner = Fake::of([]);
    inner.not_ready.replace(Some(Failure::new(FailureKind::CircuitOpen, "open")));
    let around = Surroundings::new();
    let tokens = Tokens::new(0, &[1]);
    let source = authorized(&inner, Auth::Token(Rc::clone(&tokens) as Rc<dyn TokenProvider>));
    assert_eq!(ask(&source, &around).await, Err(FailureKind::CircuitOpen));
    assert_eq!((tokens.waited_for.get(), around.passed()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_time_after_a_refusal_must_be_worth_another_attempt() {
    let inner = Fake::slow([(Duration::from_millis(4999), refused())]);
    let around = Surroundings::new();
    let source = authorized(&inner, Auth::Token(Tokens::new(1, &[2])));
    assert_eq!(ask(&source, &around).await, Err(FailureKind::TokenRefused));
    assert_eq!(around.passed(), 4999, "no token was waited for");
}
