//! The bodies of responses: whole ones, and those that break off, come slowly or hardly end.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Sleep;

/// What a huge body is made of.
const FILLING: &[u8] = &[b' '; 64 * 1024];

/// The body of a response. It can end in an error, as one does whose connection breaks.
#[derive(Debug)]
pub struct ResponseBody(Rest);

/// What is still to be sent.
#[derive(Debug)]
enum Rest {
    Nothing,
    Whole(Bytes),
    /// This, and then the connection breaks.
    Cut(Bytes),
    /// Waits a turn, in which a server sends what it has, and breaks then.
    Break,
    Broken,
    Filling(u64),
    Drip(Bytes, Duration, Pin<Box<Sleep>>),
}

impl ResponseBody {
    /// All of it.
    pub(crate) fn whole(data: Bytes) -> Self {
        Self(if data.is_empty() {
            Rest::Nothing
        } else {
            Rest::Whole(data)
        })
    }

    /// This, and then the connection breaks.
    pub(crate) fn cut(data: Bytes) -> Self {
        Self(if data.is_empty() { Rest::Break } else { Rest::Cut(data) })
    }

    /// So many spaces.
    pub(crate) fn filling(bytes: u64) -> Self {
        Self(Rest::Filling(bytes))
    }

    /// Byte by byte, each after this time.
    pub(crate) fn drip(data: Bytes, each: Duration) -> Self {
        Self(Rest::Drip(data, each, Box::pin(tokio::time::sleep(each))))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let data = |data| Poll::Ready(Some(Ok(Frame::data(data))));
        let (rest, polled) = match std::mem::replace(&mut self.0, Rest::Nothing) {
            Rest::Nothing | Rest::Filling(0) => (Rest::Nothing, Poll::Ready(None)),
            Rest::Whole(whole) => (Rest::Nothing, data(whole)),
            Rest::Cut(part) => (Rest::Break, data(part)),
            Rest::Break => {
                context.waker().wake_by_ref();
                (Rest::Broken, Poll::Pending)
            }
            Rest::Broken => (
                Rest::Nothing,
                Poll::Ready(Some(Err(lost(io::ErrorKind::UnexpectedEof)))),
            ),
            Rest::Filling(left) => {
                let part = left.min(FILLING.len() as u64);
                let filling = FILLING
                    .get(..usize::try_from(part).unwrap_or_default())
                    .unwrap_or(FILLING);
                (Rest::Filling(left - part), data(Bytes::from_static(filling)))
            }
            Rest::Drip(left, ..) if left.is_empty() => (Rest::Nothing, Poll::Ready(None)),
            Rest::Drip(mut left, each, mut wait) => match wait.as_mut().poll(context) {
                Poll::Ready(()) => {
                    let byte = left.split_to(1);
                    let wait = Box::pin(tokio::time::sleep(each));
                    (Rest::Drip(left, each, wait), data(byte))
                }
                Poll::Pending => (Rest::Drip(left, each, wait), Poll::Pending),
            },
        };
        self.0 = rest;
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Rest::Nothing)
    }
}

/// The end of a connection.
pub(crate) fn lost(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "the connection was lost")
}
