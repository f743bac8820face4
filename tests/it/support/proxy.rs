//! A TCP proxy that a test can cut: what a database looks like when its network is gone.
use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The proxy; it ends with the test's runtime.
pub struct Proxy {
    /// Where it listens.
    pub at: SocketAddr,
    is_up: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Passes connections on to `to`.
    pub async fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let is_up = Arc::new(watch::Sender::new(true));
        let up = Arc::clone(&is_up);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, mut up) = (to.clone(), up.subscribe());
                tokio::spawn(async move {
                    if !*up.borrow() {
                        return;
                    }
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = up.wait_for(|up| !*up) => {}
                    }
                });
            }
        });
        Self { at, is_up }
    }

    /// Breaks every connection and drops new ones, until [`Proxy::mend`].
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    /// Passes connections on again.
    pub fn mend(&self) {
        self.is_up.send_replace(true);
    }
}
