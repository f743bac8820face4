//! Webhooks: Standard Webhooks headers around a CloudEvent, or around an Alertmanager's own body.
use reqwest::{Client, RequestBuilder, header::CONTENT_TYPE};

use super::{Item, Parcel, v4};
use crate::{
    config::{Receiver, WebhookBody},
    publish::{event, secrets::Secrets},
    ticket::Millis,
};

/// Makes the request of one attempt, signed as of `now`.
pub fn request(
    client: &Client,
    receiver: &Receiver,
    secrets: &Secrets,
    item: Item<'_>,
    parcel: &Parcel,
    now: Millis,
) -> Result<RequestBuilder, String> {
    let (content_type, body) = match receiver.body {
        WebhookBody::Cloudevents => (event::CONTENT_TYPE, item.body.to_owned()),
        WebhookBody::AlertmanagerV4 => {
            let body = v4::Body::of(receiver, parcel);
            ("application/json", serde_json::to_string(&body).map_err(|error| error.to_string())?)
        }
    };
    let seconds = now.div_euclid(1000);
    let signature =
        secrets.signature(item.id, seconds, body.as_bytes()).map_err(|error| error.to_string())?;
    let request = client
        .post(secrets.address())
        .header(CONTENT_TYPE, content_type)
        .header(standardwebhooks::HEADER_WEBHOOK_ID, item.id)
        .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, seconds)
        .body(body);
    Ok(match signature {
        Some(signature) => request.header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signature),
        None => request,
    })
}
