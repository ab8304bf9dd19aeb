//! Everything that info.json promises is asked for, with real pixels; what it does not promise is refused.

use std::path::Path;
use std::process::Command;

use dlcs_testkit::program as tools;
use dlcs_testkit::server::HttpServer;
use image::{DynamicImage, ImageFormat, RgbaImage};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::photograph::{self, decode_jpeg};
use crate::program::Program;

/// What level 2 of each version has, besides what a document lists.
const LEVEL_2: [(u8, &[&str]); 2] = [
    (
        2,
        &[
            "regionByPx",
            "regionByPct",
            "sizeByW",
            "sizeByH",
            "sizeByPct",
            "sizeByConfinedWh",
            "sizeByDistortedWh",
            "rotationBy90s",
            "baseUriRedirect",
            "cors",
            "jsonldMediaType",
        ],
    ),
    (
        3,
        &[
            "regionByPx",
            "regionByPct",
            "regionSquare",
            "sizeByW",
            "sizeByH",
            "sizeByPct",
            "sizeByConfinedWh",
            "sizeByWh",
            "rotationBy90s",
            "baseUriRedirect",
            "cors",
            "jsonldMediaType",
        ],
    ),
];

/// A pyramid that is kept as another program made it.
const KEPT: &str = "kept.tif";

const FORMATS: [(&str, &str); 8] = [
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("tif", "image/tiff"),
    ("jp2", "image/jp2"),
    ("avif", "image/avif"),
    ("pdf", "application/pdf"),
];

/// Name, file and policy of what is registered: derivatives that are made of pixels, cut out of a JPEG, and a TIFF as it is.
fn sources() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let png = |image: DynamicImage| {
        let mut file = std::io::Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let colour = photograph::small(4).pixels;
    let rgba = RgbaImage::from_fn(515, 260, |x, y| {
        image::Rgba([x as u8, y as u8, 90, (x + y) as u8])
    });
    let grey = DynamicImage::ImageRgb8(colour.clone()).into_luma8();
    let dot = RgbaImage::from_pixel(1, 1, image::Rgba([9, 99, 200, 255]));
    let dot = png(DynamicImage::ImageRgba8(dot).into_rgb8().into());
    let pyramid = photograph::pyramid("the promises of info.json", &colour);
    let jpeg = photograph::jpeg("odd.jpg", colour).file;
    let made = [
        ("odd.jpg", jpeg.clone(), "default"),
        ("clear.png", png(DynamicImage::ImageRgba8(rgba)), "default"),
        ("grey.png", png(DynamicImage::ImageLuma8(grey)), "default"),
        ("dot.png", dot, "default"),
        ("cut.jpg", jpeg, "use-original"),
    ];
    let kept = pyramid.map(|file| (KEPT, file, "use-original"));
    made.into_iter().chain(kept).collect()
}

/// A service of one image, in one version.
struct Service<'t> {
    client: &'t Client,
    /// Its address, without a slash at the end.
    base: String,
    info: Value,
    version: u8,
    scratch: &'t Path,
    vipsheader: &'t Path,
}

impl Service<'_> {
    fn size(&self) -> (u32, u32) {
        let side = |name: &str| self.info[name].as_u64().unwrap() as u32;
        (side("width"), side("height"))
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}/{path}", self.base));
        request.send().await.unwrap()
    }

    /// Asks the service of the thumbnails of the same image for all that it has.
    async fn keeps_thumbnails(&self) {
        let mut thumbnails = Self {
            base: self.base.replacen("/iiif-img/", "/thumbs/", 1),
            info: Value::Null,
            ..*self
        };
        let info = thumbnails.get("info.json").await;
        thumbnails.info = serde_json::from_slice(&info.bytes().await.unwrap()).unwrap();
        let whole = if self.version == 2 { "full" } else { "max" };
        let path = format!("full/{whole}/0/default.jpg");
        thumbnails.is_kept(&path, thumbnails.size()).await;
        thumbnails.keeps_tiles_and_sizes().await;
    }

    async fn is_refused(&self, path: &str) {
        let status = self.get(path).await.status().as_u16();
        assert_eq!(status, 400, "{}/{path}", self.base);
    }

    /// Asks for pixels and compares the media type and the size that the file has when it is decoded.
    async fn is_kept(&self, path: &str, (width, height): (u32, u32)) {
        let place = format!("{}/{path}", self.base);
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{place}");
        let extension = path.rsplit('.').next().unwrap();
        let (_, media_type) = FORMATS.iter().find(|(name, _)| *name == extension).unwrap();
        assert_eq!(answer.headers()["content-type"], *media_type, "{place}");
        let bytes = answer.bytes().await.unwrap();
        let found = match extension {
            "jpg" => decode_jpeg(&bytes).unwrap().dimensions(),
            "png" => {
                let decoded = image::load_from_memory_with_format(&bytes, ImageFormat::Png);
                let decoded = decoded.unwrap();
                (decoded.width(), decoded.height())
            }
            _ => self.size_by_libvips(extension, &bytes),
        };
        // A page is measured in points, which need not be whole pixels again.
        let slack = u32::from(extension == "pdf");
        assert!(
            found.0.abs_diff(width) <= slack && found.1.abs_diff(height) <= slack,
            "{place}: {found:?}, not {width} x {height}"
        );
    }

    fn size_by_libvips(&self, extension: &str, bytes: &[u8]) -> (u32, u32) {
        let file = self.scratch.join(format!("answer.{extension}"));
        std::fs::write(&file, bytes).unwrap();
        let field = |name: &str| -> u32 {
            let mut command = Command::new(self.vipsheader);
            let output = command.args(["-f", name]).arg(&file).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let parsed = text.trim().parse();
            parsed.unwrap_or_else(|_| panic!("{extension}: {text} {:?}", output.stderr))
        };
        (field("width"), field("height"))
    }

    fn list(&self, in_v2: &str, in_v3: &str) -> Vec<String> {
        let listed = match self.version {
            2 => &self.info["profile"][1][in_v2],
            _ => &self.info[in_v3],
        };
        let names = listed.as_array().into_iter().flatten();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    async fn keeps_tiles_and_sizes(&self) {
        let (width, height) = self.size();
        for tiles in self.info["tiles"].as_array().into_iter().flatten() {
            let side = tiles["width"].as_u64().unwrap() as u32;
            for factor in tiles["scaleFactors"].as_array().unwrap() {
                let factor = factor.as_u64().unwrap() as u32;
                let step = side * factor;
                for y in (0..height).step_by(step as usize) {
                    for x in (0..width).step_by(step as usize) {
                        let (w, h) = (step.min(width - x), step.min(height - y));
                        let size = (w.div_ceil(factor), h.div_ceil(factor));
                        let region = format!("{x},{y},{w},{h}");
                        self.keeps_size(&region, size).await;
                    }
                }
            }
        }
        for size in self.info["sizes"].as_array().unwrap() {
            let side = |name: &str| size[name].as_u64().unwrap() as u32;
            self.keeps_size("full", (side("width"), side("height")))
                .await;
        }
    }

    /// Asks as viewers do: 2.1 with a width alone, unless it is one pixel, which is the width of every smaller level too.
    async fn keeps_size(&self, region: &str, (w, h): (u32, u32)) {
        let size = if self.version == 2 && w > 1 {
            format!("{w},")
        } else {
            format!("{w},{h}")
        };
        self.is_kept(&format!("{region}/{size}/0/default.jpg"), (w, h))
            .await;
    }

    async fn keeps_formats_and_qualities(&self) {
        let (width, height) = self.size();
        let mut formats = self.list("formats", "extraFormats");
        formats.extend(["jpg", "png"].map(str::to_owned));
        let mut qualities = self.list("qualities", "extraQualities");
        qualities.push("default".to_owned());
        for (format, _) in FORMATS {
            if formats.iter().any(|name| name == format) {
                for quality in &qualities {
                    let path = format!("full/max/0/{quality}.{format}");
                    self.is_kept(&path, (width, height)).await;
                }
            } else {
                self.is_refused(&format!("full/max/0/default.{format}"))
                    .await;
            }
        }
        for quality in ["color", "gray", "bitonal"] {
            assert!(qualities.iter().any(|name| name == quality), "{quality}");
        }
        for last in ["native.jpg", "grey.jpg", "default.bmp", "default.jpeg"] {
            self.is_refused(&format!("full/max/0/{last}")).await;
        }
    }

    async fn keeps_features(&self) {
        let (_, level) = LEVEL_2.iter().find(|(v, _)| *v == self.version).unwrap();
        let mut features = self.list("supports", "extraFeatures");
        features.extend(level.iter().map(|name| (*name).to_owned()));
        for feature in &features {
            self.keeps(feature).await;
        }
        // What neither version has a feature for.
        let (width, height) = self.size();
        self.is_refused("full/max/361/default.jpg").await;
        self.is_refused(&format!("{width},{height},1,1/max/0/default.jpg"))
            .await;
        let double = format!("{},{}", 2 * width, 2 * height);
        let refused = if self.version == 2 { "^" } else { "" };
        self.is_refused(&format!("full/{refused}{double}/0/default.jpg"))
            .await;
    }

    async fn keeps(&self, feature: &str) {
        let (width, height) = self.size();
        let (w, h) = (width.div_ceil(2), height.div_ceil(2));
        let side = width.min(height);
        let all = (width, height);
        let requests = match feature {
            "regionByPx" => vec![(
                format!("{},{},{w},{h}/max/0", width - w, height - h),
                (w, h),
            )],
            "regionByPct" => vec![("pct:0,0,100,100/max/0".to_owned(), all)],
            "regionSquare" => vec![("square/max/0".to_owned(), (side, side))],
            "sizeByW" => vec![(format!("full/{width},/0"), all)],
            "sizeByH" => vec![(format!("full/,{height}/0"), all)],
            "sizeByPct" => vec![("full/pct:100/0".to_owned(), all)],
            "sizeByConfinedWh" => vec![(format!("full/!{width},{height}/0"), all)],
            "sizeByWh" | "sizeByDistortedWh" => vec![(format!("full/{w},1/0"), (w, 1))],
            "sizeUpscaling" => vec![
                (format!("full/^{},/0", 2 * width), (2 * width, 2 * height)),
                (
                    format!("full/^!{},{}/0", 2 * width, 9 * height),
                    (2 * width, 2 * height),
                ),
            ],
            "sizeAboveFull" => vec![(format!("full/{},/0", 2 * width), (2 * width, 2 * height))],
            "rotationBy90s" => vec![
                ("full/max/90".to_owned(), (height, width)),
                ("full/max/180".to_owned(), all),
                ("full/max/270".to_owned(), (height, width)),
            ],
            "rotationArbitrary" => ["22.5", "!200.1"].map(|turn| self.turned(turn)).into(),
            "mirroring" => vec![("full/max/!0".to_owned(), all)],
            _ => return self.keeps_on_the_wire(feature).await,
        };
        for (path, size) in requests {
            for format in ["jpg", "png"] {
                self.is_kept(&format!("{path}/default.{format}"), size)
                    .await;
            }
        }
    }

    fn turned(&self, turn: &str) -> (String, (u32, u32)) {
        let (width, height) = self.size();
        let degrees: f64 = turn.trim_start_matches('!').parse().unwrap();
        let (sin, cos) = degrees.to_radians().sin_cos();
        let side = |a: u32, b: u32| {
            let length = f64::from(a) * cos.abs() + f64::from(b) * sin.abs();
            length.round().max(1.0) as u32
        };
        let size = (side(width, height), side(height, width));
        (format!("full/max/{turn}"), size)
    }

    async fn keeps_on_the_wire(&self, feature: &str) {
        let pixels = self.get("full/1,1/0/default.jpg").await;
        let links: Vec<_> = pixels.headers().get_all("link").iter().collect();
        let [link] = links[..] else {
            panic!("not one Link header: {links:?}");
        };
        let link = link.to_str().unwrap();
        match feature {
            "canonicalLinkHeader" => {
                let (canonical, _) = link.split_once(">;rel=\"canonical\"").expect(link);
                let canonical = canonical.trim_start_matches('<');
                let same = self.client.get(canonical).send().await.unwrap();
                assert_eq!(same.headers()["etag"], pixels.headers()["etag"], "{link}");
            }
            "profileLinkHeader" => {
                let profile = format!(
                    "<http://iiif.io/api/image/{}/level2.json>;rel=\"profile\"",
                    self.version
                );
                assert!(link.contains(&profile), "{link}");
            }
            "cors" => assert_eq!(pixels.headers()["access-control-allow-origin"], "*"),
            "jsonldMediaType" => {
                let request = self.client.get(format!("{}/info.json", self.base));
                let answer = request.header("accept", "application/ld+json").send();
                let answer = answer.await.unwrap();
                let media_type = answer.headers()["content-type"].to_str().unwrap();
                assert!(
                    media_type.starts_with("application/ld+json"),
                    "{media_type}"
                );
            }
            "baseUriRedirect" => {
                let info = self.client.get(&self.base).send().await.unwrap();
                assert!(
                    info.url().as_str().ends_with("/info.json"),
                    "{}",
                    info.url()
                );
            }
            other => panic!("the document promises {other}, and no test asks for it"),
        }
    }
}

/// Registers every source with a program, and hands out their services in both versions.
async fn services<'t>(
    client: &'t Client,
    program: &Program,
    scratch: &'t Path,
    vipsheader: &'t Path,
) -> Vec<Service<'t>> {
    let origin = HttpServer::start().await;
    let (key, secret) = program.key.as_ref().unwrap();
    let mut services = Vec::new();
    for (name, file, policy) in sources() {
        let url = origin.serve(&format!("/{name}"), file);
        let path = program.at(&format!("/customers/1/spaces/1/images/{name}"));
        let request = client.put(path).basic_auth(key, Some(secret));
        let channels =
            json!([{ "channel": "iiif-img", "policy": policy }, { "channel": "thumbs" }]);
        let body = json!({ "origin": url.as_str(), "deliveryChannels": channels }).to_string();
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{name}");
        for version in [2, 3] {
            let base = program.at(&format!("/iiif-img/v{version}/1/1/{name}"));
            let info = client
                .get(format!("{base}/info.json"))
                .send()
                .await
                .unwrap();
            let info: Value = serde_json::from_slice(&info.bytes().await.unwrap()).unwrap();
            // Its own tiles, and not ours; none where they would be above the limits.
            let side = if name == KEPT { 256 } else { 512 };
            let tile = &info["tiles"][0]["width"];
            assert!(tile.is_null() || *tile == side, "{name}: {tile}");
            services.push(Service {
                client,
                base,
                info,
                version,
                scratch,
                vipsheader,
            });
        }
    }
    services
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn info_json_promises_nothing_that_a_request_does_not_get() {
    let Some([vipsheader]) = tools::find("the promises of info.json", ["vipsheader"]) else {
        return;
    };
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = Program::start(data.path(), &["--allow-private", "127.0.0.0/8"]);
    let client = Client::new();
    for service in services(&client, &program, scratch.path(), &vipsheader).await {
        service.keeps_tiles_and_sizes().await;
        service.keeps_thumbnails().await;
        service.keeps_formats_and_qualities().await;
        service.keeps_features().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_an_operator_hold_as_info_json_says() {
    let Some([vipsheader]) = tools::find("the limits of info.json", ["vipsheader"]) else {
        return;
    };
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = "--allow-private 127.0.0.0/8 --max-width 400 --max-area 60000 --formats jpg,png";
    let flags: Vec<_> = flags.split(' ').collect();
    let program = Program::start(data.path(), &flags);
    let client = Client::new();
    for service in services(&client, &program, scratch.path(), &vipsheader).await {
        let limits = match service.version {
            2 => &service.info["profile"][1],
            _ => &service.info,
        };
        assert_eq!(limits["maxWidth"], 400, "{}", service.base);
        assert_eq!(limits["maxArea"], 60_000, "{}", service.base);
        service.keeps_tiles_and_sizes().await;
        service.keeps_thumbnails().await;
        for format in ["webp", "gif", "tif", "jp2", "avif", "pdf"] {
            service
                .is_refused(&format!("full/max/0/default.{format}"))
                .await;
        }
        let sign = if service.version == 2 { "" } else { "^" };
        service
            .is_kept(&format!("full/{sign}400,150/0/default.jpg"), (400, 150))
            .await;
        for size in ["401,1", "1,401", "300,201"] {
            service
                .is_refused(&format!("full/{sign}{size}/0/default.jpg"))
                .await;
        }
        let (width, height) = service.size();
        let answer = service.get("full/max/0/default.jpg").await;
        assert_eq!(answer.status(), 200, "{}", service.base);
        let largest = decode_jpeg(&answer.bytes().await.unwrap()).unwrap();
        let area = largest.width() * largest.height();
        assert!(largest.width() <= 400.min(width) && area <= 60_000);
        assert!(area > 59_000 || largest.dimensions() == (width, height));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_out_of_the_cache_has_the_headers_and_the_bytes_of_the_first() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = Program::start(data.path(), &["--allow-private", "127.0.0.0/8"]);
    let client = Client::new();
    for service in services(&client, &program, scratch.path(), Path::new("")).await {
        for path in [
            "full/max/0/default.jpg",
            "full/max/22.5/gray.png",
            "info.json",
        ] {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let answer = service.get(path).await;
                let mut headers = answer.headers().clone();
                headers.remove("date");
                answers.push((headers, answer.bytes().await.unwrap()));
            }
            if !answers[0].0.contains_key("last-modified") {
                // It is given from five seconds after the registration on, which may be between the two.
                answers[1].0.remove("last-modified");
            }
            assert_eq!(answers[0], answers[1], "{}/{path}", service.base);
            let (headers, _) = &answers[0];
            let request = client.get(format!("{}/{path}", service.base));
            let again = request.header("if-none-match", headers["etag"].clone());
            let again = again.send().await.unwrap();
            assert_eq!(again.status(), 304, "{}/{path}", service.base);
            for name in ["etag", "link", "cache-control"] {
                assert_eq!(again.headers()[name], headers[name], "{name} of {path}");
            }
        }
    }
}
