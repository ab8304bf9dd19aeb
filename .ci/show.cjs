// Opens every canvas of a manifest in both viewers, and fails where a viewer gets no tile of one, is refused something, or complains of the
// manifest: show.cjs BROWSER DIRECTORY ADDRESS. The directory has the viewers and gets the pictures.

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const puppeteer = require("puppeteer-core");

const PATIENCE = 30_000;
// So that a picture shows more than the first tile.
const REST = 2_000;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };
const MIRADOR = `<!doctype html><meta charset="utf-8"><title>Mirador</title><body><div id="it" style="position:absolute;inset:0"></div>
<script src="/mirador/dist/mirador.min.js"></script><script>
const asked = new URLSearchParams(location.hash.slice(1));
Mirador.viewer({ id: "it", windows: [{ manifestId: asked.get("manifest"), canvasIndex: Number(asked.get("cv")) }] });
</script>`;

const [browser, directory, manifest] = process.argv.slice(2);

// The pages of the viewers, from another origin than the images, as it is everywhere.
function servePages() {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const type = TYPES[path.extname(pathname)] ?? "application/octet-stream";
    try {
      const body = pathname === "/mirador.html" ? MIRADOR : fs.readFileSync(path.join(directory, path.normalize(pathname)));
      response.writeHead(200, { "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// For each canvas, the part of the addresses of its image that is the same in every version and family: /customer/space/image.
function imagesOf(document) {
  const canvases = document.items ?? document.sequences[0].canvases;
  return canvases.map((canvas) => {
    const picture = canvas.items?.[0].items[0].body ?? canvas.images[0].resource;
    const service = [picture.service].flat()[0];
    return "/" + (service.id ?? service["@id"]).split("/").slice(-3).join("/");
  });
}

async function show(page, address, image, server) {
  const complaints = [];
  const isTile = (url) => /^\/\d+,\d+,\d+,\d+\//.test(url.split(image)[1] ?? "");
  let tiles = 0;
  let arrived;
  const first = new Promise((resolve) => (arrived = resolve));
  page.on("response", (response) => {
    const url = response.url();
    if (url.startsWith(server) && response.status() >= 400) complaints.push(`${response.status()} ${url}`);
    if (url.startsWith(server) && isTile(url) && response.status() === 200) {
      tiles += 1;
      arrived();
    }
  });
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText;
    // A viewer takes back what it does not need any more.
    if (request.url().startsWith(server) && reason !== "net::ERR_ABORTED") complaints.push(`${reason} ${request.url()}`);
  });
  // What else they say is about themselves.
  const said = (text) => /manifest/i.test(text) && complaints.push(text);
  page.on("console", (message) => message.type() === "error" && said(`${message.text()} ${message.location().url ?? ""}`));
  page.on("pageerror", (error) => said(String(error)));
  // Nothing goes on while one is open.
  page.on("dialog", (dialog) => {
    complaints.push(dialog.message());
    dialog.dismiss();
  });
  await page.goto(address, { timeout: PATIENCE });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
  await Promise.race([first, late]);
  await new Promise((resolve) => setTimeout(resolve, REST));
  if (tiles === 0) complaints.push(`no tile of ${image}`);
  return { tiles, complaints };
}

async function main() {
  const document = await (await fetch(manifest)).json();
  const images = imagesOf(document);
  const server = new URL(manifest).origin;
  const pages = await servePages();
  const base = `http://127.0.0.1:${pages.address().port}`;
  const chromium = await puppeteer.launch({
    executablePath: browser,
    args: ["--headless=new", "--no-sandbox", "--disable-gpu"],
    defaultViewport: { width: 1200, height: 800 },
  });
  const viewers = { mirador: `${base}/mirador.html#`, universalviewer: `${base}/universalviewer/dist/uv.html#?` };
  const name = new URL(manifest).pathname.slice(1).replaceAll("/", "-");
  let failures = 0;
  for (const [viewer, start] of Object.entries(viewers)) {
    for (const [place, image] of images.entries()) {
      const page = await chromium.newPage();
      const address = `${start}manifest=${encodeURIComponent(manifest)}&cv=${place}`;
      const { tiles, complaints } = await show(page, address, image, server);
      await page.screenshot({ path: path.join(directory, `${viewer}-${name}-${place + 1}.png`) });
      await page.close();
      console.log(`${viewer}: canvas ${place + 1} of ${manifest}: ${tiles} tiles`);
      for (const complaint of complaints) console.log(`  ${complaint}`);
      failures += complaints.length;
    }
  }
  await chromium.close();
  pages.close();
  process.exitCode = failures === 0 && images.length > 0 ? 0 : 1;
}

main();
