//! placeholder
use super::{Cx, Done};
/// x
pub async fn run(cx: &Cx) -> anyhow::Result<Done> {
    Done::new(cx.store.begin().await?, None, &())
}
/// x
pub async fn export(cx: &Cx) -> anyhow::Result<Done> {
    Done::new(cx.store.begin().await?, None, &())
}
