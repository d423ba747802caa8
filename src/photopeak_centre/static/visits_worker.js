// Opens a visit without a network. Keeps the scripts and styles of one version, and the pages of one person that the server marked as
// his to keep; another person's page, a sign-in page or a sign-out removes them. Same origin only, nothing but GET.
"use strict";
const ASSETS = "photopeak-assets-VERSION_HERE", PAGES = "photopeak-pages-", LIST = "ASSETS_HERE", PATIENCE_MS = 4000;

const drop = async wanted => {
  for (const name of await caches.keys()) if (wanted(name)) await caches.delete(name);
};

self.addEventListener("install", event => {
  event.waitUntil(caches.open(ASSETS).then(cache => cache.addAll(LIST.map(url => new Request(url, { cache: "reload" })))));
  self.skipWaiting();
});

self.addEventListener("activate", event => {
  event.waitUntil((async () => {
    await drop(name => name.startsWith("photopeak-assets-") && name !== ASSETS);
    await self.clients.claim();
  })());
});

const isKept = url => /^\/visits\/(\d+\/sheet\/)?$/.test(url.pathname);

async function keep(request, response) {
  const person = response.headers.get("X-Photopeak-Keep");
  if (!person || response.redirected) return;
  const own = PAGES + person;
  await drop(name => name.startsWith(PAGES) && name !== own);
  await (await caches.open(own)).put(request.url, response.clone());
}

async function page(request) {
  const kept = await caches.match(request.url);
  const fromNetwork = fetch(request).then(async response => {
    if (response.type === "opaqueredirect") await drop(name => name.startsWith(PAGES));  // to the sign-in page
    else if (response.ok) await keep(request, response);
    return response.status >= 500 && kept ? kept : response;
  });
  if (!kept) return fromNetwork;
  const tired = new Promise(yes => setTimeout(() => yes(kept.clone()), PATIENCE_MS));
  return Promise.race([fromNetwork.catch(() => kept), tired]);
}

self.addEventListener("fetch", event => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && isKept(url)) event.respondWith(page(event.request));
  else if (LIST.includes(url.pathname))
    event.respondWith(caches.open(ASSETS).then(async cache => await cache.match(url.pathname) || fetch(event.request)));
});
