//! A remote that is far away: an S3 server of this process, behind a line with a delay and a rate of its own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

/// How long a byte takes there and one back.
pub const ROUND_TRIP: Duration = Duration::from_millis(20);

/// How many bytes go each way in a second, over all connections: 100 Mbit.
pub const BYTES_PER_SECOND: u32 = 12_500_000;

/// What is read at once.
const PIECE: usize = 16 << 10;

/// How many pieces are on their way at most: more than the line holds within its delay.
const ON_THE_WAY: usize = 64;

const BUCKET: &str = "bucket";

/// An S3 server and the line before it; both are there as long as this.
pub struct Far {
    line: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Far {
    /// Starts the server, whose objects are in a directory, and the line.
    pub fn start(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory.join(BUCKET))?;
        let files = FileSystem::new(directory).ok().context("the S3 server has no directory")?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single("id", "secret"));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let server = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // An answer is several writes, and the line has its own delay.
                let _ = stream.set_nodelay(true);
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        Ok(Self { line: line(server)?, _runtime: runtime })
    }

    /// The address of a store in it.
    pub fn store(&self) -> String {
        format!("s3://{BUCKET}/store")
    }

    /// The variables with which it is used.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let endpoint = format!("http://{}", self.line);
        let fixed = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "us-east-1")];
        let fixed = fixed.map(|(name, value)| (name, value.to_owned()));
        fixed.into_iter().chain([("AWS_ENDPOINT_URL", endpoint)]).collect()
    }
}

/// One direction of the line.
struct Direction {
    /// When all that was sent until now is on its way.
    free: Mutex<Instant>,
}

impl Direction {
    fn new() -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(Instant::now()) })
    }

    /// When so many bytes that are sent now arrive.
    fn arrival(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().expect("nothing panics while it holds this");
        let bytes = u32::try_from(bytes).expect("a piece is small");
        *free = (*free).max(Instant::now()) + Duration::from_secs(1) * bytes / BYTES_PER_SECOND;
        *free + ROUND_TRIP / 2
    }
}

/// Lets connections go to a server as if it were far away.
fn line(server: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (there, back) = (Direction::new(), Direction::new());
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(server) else { continue };
            let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { continue };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            // The handshake goes there and back before the first byte does.
            carry(near, far_too, Arc::clone(&there), ROUND_TRIP);
            carry(far, near_too, Arc::clone(&back), Duration::ZERO);
        }
    });
    Ok(address)
}

/// Carries what comes from one end to the other; `handshake` is when the first byte can be sent.
fn carry(mut from: TcpStream, to: TcpStream, direction: Arc<Direction>, handshake: Duration) {
    let (sender, receiver) = sync_channel(ON_THE_WAY);
    let begin = Instant::now() + handshake;
    thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match from.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.unwrap_or_default(),
            };
            thread::sleep(begin.saturating_duration_since(Instant::now()));
            let arrival = direction.arrival(read);
            if sender.send((arrival, piece[..read].to_vec())).is_err() || read == 0 {
                return;
            }
        }
    });
    thread::spawn(move || deliver(&receiver, to));
}

/// Writes each piece when it arrives. The last one is empty.
fn deliver(pieces: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (arrival, piece) in pieces {
        thread::sleep(arrival.saturating_duration_since(Instant::now()));
        if piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_time_that_the_line_has_for_them() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = line(server.local_addr().unwrap()).unwrap();
        let echo = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            stream.write_all(&all).unwrap();
        });
        let bytes: Vec<u8> = (0..250_000_u32).map(|number| (number % 251) as u8).collect();
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        // A handshake, there, and back; each way 250,000 bytes.
        let least = ROUND_TRIP * 2 + Duration::from_millis(20) * 2;
        assert!(began.elapsed() >= least, "{:?}", began.elapsed());
        assert_eq!(back, bytes);
        echo.join().unwrap();
    }
}
