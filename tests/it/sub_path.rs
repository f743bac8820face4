//! Behind a reverse proxy that has the daemon under a path of its own.
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use reqwest::{Url, redirect::Policy};
use uuid::Uuid;
use weisu::{config::Http, publish::links::Links};

use crate::{
    access::{NOISE, closed, office},
    support::city,
};

type Upstream = (reqwest::Client, String);

/// Hands a request on without the prefix, as nginx does with `proxy_pass http://…/;`.
async fn forward(State((client, upstream)): State<Upstream>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let url = format!("{upstream}{}", path.strip_prefix("/weisu").unwrap());
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut asked = client.request(parts.method, url).body(bytes);
    for (name, value) in
        parts.headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
    {
        asked = asked.header(name, value);
    }
    let answer = asked.header("x-forwarded-for", "203.0.113.9").send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

fn location(answer: &reqwest::Response) -> Url {
    answer.url().join(answer.headers()["location"].to_str().unwrap()).unwrap()
}

fn value(page: &str, before: &str) -> String {
    page.split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before} in {page}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_stays_below_the_path_of_the_proxy() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/weisu", listener.local_addr().unwrap());
    let http = Http { public_url: base.clone(), ..closed() };
    let office = office(http).await;
    let upstream = (client.clone(), format!("http://{}", office.server.at));
    let router = Router::new().route("/weisu/{*path}", any(forward)).with_state(upstream);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let get = async |url: Url, cookie: &str| client.get(url).header("cookie", cookie).send().await.unwrap();
    let at = |path: &str| Url::parse(&format!("{base}{path}")).unwrap();

    let asked = get(at(&format!("/alerts/{NOISE}?lang=en")), "").await;
    let sign_in = location(&asked);
    assert!(
        sign_in.path() == "/weisu/signin" && sign_in.query().unwrap().starts_with("next=alerts/"),
        "{sign_in}"
    );
    let page = get(sign_in.clone(), "").await.text().await.unwrap();
    let mut form = Url::parse("http://form/").unwrap();
    form.query_pairs_mut()
        .append_pair("form", &value(&page, "name=\"form\" value=\""))
        .append_pair(
            "next",
            &value(&page, "name=\"next\" value=\"").replace("&#x2f;", "/").replace("&#x3d;", "="),
        )
        .append_pair("token", "officer");
    let post = async |url: Url, cookie: &str, body: &str| {
        let kind = "application/x-www-form-urlencoded";
        client
            .post(url)
            .header("cookie", cookie)
            .header("content-type", kind)
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
    };
    let signed = post(sign_in, "", form.query().unwrap()).await;
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("Path=/weisu;") && !cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let back = location(&signed);
    assert_eq!((back.path(), back.query()), (format!("/weisu/alerts/{NOISE}").as_str(), Some("lang=en")));
    let answer = get(back.clone(), cookie).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    let css = back.join(&value(&page, "rel=\"stylesheet\" href=\"")).unwrap();
    assert!(css.path().starts_with("/weisu/assets/"), "{css}");
    assert_eq!(get(css, "").await.status(), 200);
    let button = back.join(&value(&page, "formaction=\"")).unwrap();
    let sent = format!("form={}", value(&page, "name=\"form\" value=\""));
    let acted = post(button, cookie, &sent).await;
    assert_eq!((acted.status().as_u16(), location(&acted).path()), (303, back.path()));

    let links = Links::new(office.key.clone(), &base, 2);
    let (tap, _) = links.acknowledge(Uuid::parse_str(NOISE).unwrap(), "duty", city::now().timestamp_millis());
    let tap = Url::parse(&tap).unwrap();
    assert_eq!(get(tap.clone(), "").await.status(), 200);
    assert_eq!(location(&post(tap.clone(), "", "").await).path(), tap.path());
}
