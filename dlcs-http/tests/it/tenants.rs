//! Whose key opens what: every route of the documentation, which a test of the crate holds against the router, asked by everybody.

use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{Answer, App, PICTURE, text};

const MARKER: &str = "marker-of-the-library";

/// Two customers, of which one has one of everything.
pub(crate) struct Tenants {
    pub(crate) app: App,
    library: u64,
    key: String,
    batch: u64,
    /// The last segments of the addresses of what else it has, by the collection that each is in.
    ids: Vec<(&'static str, String)>,
    museum_key: String,
}

impl Tenants {
    pub(crate) async fn new() -> Self {
        let app = App::new().await;
        let (library, key) = app.customer(MARKER).await;
        let (_, museum_key) = app.customer("museum").await;
        let origin = format!("https://origin.example/{MARKER}");
        app.origin.serve(&origin, FakeObject::new(PICTURE));
        let home = format!("/customers/{library}");
        let send = |path: &str, body: Value| {
            let (app, path) = (&app, format!("{home}{path}"));
            async move { app.send("POST", &path, body.to_string()).await.json(201) }
        };
        send("/spaces", json!({ "name": MARKER })).await;
        let image = json!({ "space": 1, "id": MARKER, "origin": origin });
        let batch = send("/queue", json!({ "member": [image] })).await;
        let policy = json!({ "name": MARKER, "policyData": "[\"200,\"]" });
        send("/deliveryChannelPolicies/thumbs", policy).await;
        let default =
            json!({ "channel": "thumbs", "policy": MARKER, "mediaType": "image/x-marker" });
        let default = send("/spaces/1/defaultDeliveryChannels", default).await;
        let mut ids = vec![("spaces/1/defaultDeliveryChannels", default)];
        for (path, body) in [
            (
                "originStrategies",
                json!({ "regex": format!("^https://elsewhere/{MARKER}"), "strategy": "s3-ambient" }),
            ),
            (
                "defaultDeliveryChannels",
                json!({ "channel": "file", "mediaType": "text/x-marker" }),
            ),
            (
                "namedQueries",
                json!({ "name": MARKER, "template": format!("s1={MARKER}") }),
            ),
            ("roles", json!({ "name": MARKER })),
            ("authServices", json!({ "name": MARKER })),
        ] {
            ids.push((path, send(&format!("/{path}"), body).await));
        }
        let last = |resource: &Value| {
            let id = text(&resource["@id"]);
            id.rsplit('/')
                .next()
                .expect("an id has segments")
                .to_owned()
        };
        let batch = last(&batch).parse().expect("a batch has a number");
        app.finish_of(library, batch).await;
        Self {
            ids: ids.iter().map(|(path, made)| (*path, last(made))).collect(),
            app,
            library,
            key,
            batch,
            museum_key,
        }
    }

    /// The address of something that the library has.
    pub(crate) fn present(&self, route: &str) -> String {
        let key = self.key.split(':').next().expect("a key comes first");
        let numbered = route.replace("{s}", "1");
        let own = |(path, _): &&(&str, String)| numbered.contains(&format!("{path}/{{id}}"));
        let id = self.ids.iter().find(own).map_or("", |(_, id)| id.as_str());
        route
            .replace("{c}", &self.library.to_string())
            .replace("{s}", "1")
            .replace("{i}", MARKER)
            .replace("{b}", &self.batch.to_string())
            .replace("{key}", key)
            .replace("{channel}", "thumbs")
            .replace("{name}", MARKER)
            .replace("{id}", id)
    }

    /// The address of something that it does not have.
    fn missing(&self, route: &str) -> String {
        route
            .replace("{c}", &self.library.to_string())
            .replace("{s}", "4711")
            .replace("{i}", "nothing")
            .replace("{b}", "4711")
            .replace("{key}", "nothing")
            .replace("{channel}", "nothing")
            .replace("{name}", "nothing")
            .replace("{id}", "67e55044-10b1-426f-9247-bb680e5fe0c8")
    }

    fn own_key(&self) -> &str {
        &self.key
    }

    pub(crate) async fn ask(&self, key: Option<&str>, method: &str, path: &str) -> Answer {
        self.app.send_as(key, method, path, "{}").await
    }
}

/// Every method and path of the API that the documentation lists, and whether it is for administrators.
pub(crate) fn routes() -> Vec<(String, String, bool)> {
    let page = include_str!("../../../docs/api.md");
    let (_, table) = page
        .split_once("| Route | Methods |")
        .expect("the documentation lists routes");
    let mut routes = Vec::new();
    for row in table.lines().skip(2).take_while(|row| row.starts_with('|')) {
        let (paths, methods) = row
            .trim_matches('|')
            .rsplit_once('|')
            .expect("a row has two cells");
        for path in paths.split('`').filter(|path| path.starts_with('/')) {
            for method in methods.split(", ") {
                let name = method
                    .split_whitespace()
                    .next()
                    .expect("a method has a name");
                let is_administrators = method.contains("administrators");
                routes.push((name.to_owned(), path.to_owned(), is_administrators));
            }
        }
    }
    assert!(routes.len() > 40, "{routes:?}");
    routes
}

/// An answer without what differs each time.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let headers = answer.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}")));
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
    }
    (answer.status.as_u16(), headers.collect(), body)
}

#[tokio::test]
async fn every_route_below_a_customer_is_closed_to_everybody_else() {
    for (method, route, _) in routes() {
        if !route.contains("/customers/{c}") {
            continue;
        }
        let tenants = Tenants::new().await;
        let wrong_secret = format!("{}x", tenants.key);
        let strangers = [
            ("nobody", None),
            ("an unknown key", Some("nothing:nothing")),
            ("a wrong secret", Some(wrong_secret.as_str())),
            ("another customer", Some(tenants.museum_key.as_str())),
        ];
        let nobody = route.replace("{c}", "4711").replace("{s}", "1");
        let paths = [tenants.present(&route), tenants.missing(&route), nobody];
        let mut answers = Vec::new();
        for (who, key) in strangers {
            for path in &paths {
                let answer = tenants.ask(key, &method, path).await;
                assert_eq!(answer.status, 401, "{method} {path} as {who}");
                assert!(!answer.text().contains(MARKER), "{method} {path} as {who}");
                answers.push(shape(&answer));
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{method} {route} tells strangers apart");

        for (who, key) in [
            ("the customer", Tenants::own_key as fn(&Tenants) -> &str),
            ("an administrator", |tenants| &tenants.app.admin),
        ] {
            // What the first deletes is there for the second.
            let tenants = Tenants::new().await;
            let path = tenants.present(&route);
            let answer = tenants.ask(Some(key(&tenants)), &method, &path).await;
            assert!(
                !matches!(answer.status.as_u16(), 401 | 404 | 405 | 500..),
                "{method} {path} as {who}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn every_other_route_is_open_or_an_administrators() {
    let tenants = Tenants::new().await;
    for (method, route, is_administrators) in routes() {
        if route.contains("{c}") {
            continue;
        }
        let path = route
            .replace("{slug}", "not-found")
            .replace("{type}", "Image")
            .replace("{name}", "default");
        let nobody = tenants.ask(None, &method, &path).await;
        let other = tenants.ask(Some(&tenants.museum_key), &method, &path).await;
        let administrator = tenants.ask(Some(&tenants.app.admin), &method, &path).await;
        assert_eq!(other.status == 401, is_administrators, "{method} {path}");
        assert_eq!(
            nobody.status == 401,
            path == "/customers",
            "{method} {path}"
        );
        assert_ne!(administrator.status, 401, "{method} {path}");
        assert!(!other.text().contains(MARKER), "{method} {path}");
        let listed = path == "/customers" && method == "GET";
        let all = administrator.text();
        assert!(
            !listed || all.contains(&format!("/customers/{}\"", tenants.library)),
            "{all}"
        );
        let seen = other.text();
        assert!(
            !listed || !seen.contains(&format!("/customers/{}\"", tenants.library)),
            "{seen}"
        );
    }
}
