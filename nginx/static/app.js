// The pages work without this file. With it: search as you type, the command and the calls follow the form, runs
// happen in the page and arrive live, results are shown by kind, code is copied with a click.
//
// No word of its own: they come from the body's data-words. No markup from strings: elements are made one by one.
"use strict";

const words = JSON.parse(document.body.dataset.words || "{}");
const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// Does its work once, a while after the last of many calls; its promise is kept then.
const later = (work, wait, timer) => (...given) => new Promise((done) => {
  clearTimeout(timer);
  timer = setTimeout(() => done(work(...given)), wait);
});

async function page(url, signal) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, signal });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/* ---- Copy buttons */

// Pending while the form holds something that the code beside it does not show yet.
let shown;

function addCopyButtons() {
  for (const box of all(".copyable")) {
    const button = make("button", { type: "button", class: "copy" }, words.copy);
    button.addEventListener("click", async () => {
      await shown?.catch(() => {});               // where the server does not answer: as it stands
      await copy(find("pre", box).textContent);
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = words.copy; }, 1500);
    });
    box.append(button);
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {                                   // no permission, or plain http
    const area = make("textarea", { class: "outside" }, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/* ---- Home: search as you type */

const search = find("#q");
if (search) {
  let under;
  search.addEventListener("input", later(async () => {
    under?.abort();
    under = new AbortController();
    const url = new URL(search.form.action);
    if (search.value) url.searchParams.set("q", search.value);
    try {
      const found = await page(url, under.signal);
      if (!find("#images", found)) return;         // not the list, but a reason why there is none
      for (const id of ["count", "images"]) find("#" + id)?.replaceWith(find("#" + id, found));
      find("nav.pager")?.remove();
      const pager = find("nav.pager", found);
      if (pager) find("main").append(pager);
      history.replaceState(null, "", url);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }, 150));
}

/* ---- For programs: a call to try */

const CALL_SHOWN = 100000;                    // characters
find("#call")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const place = find("#call-answer"), status = find("#call-status");
  place.textContent = "";
  status.textContent = words.starting;
  try {
    const url = new URL(find("#call-address").value, location.href);
    if (url.origin !== location.origin) throw new Error(url.origin);   // only this site
    const answer = await fetch(url, { headers: { Accept: find("#call-accept").value } });
    status.textContent = [answer.status, answer.headers.get("Content-Type")].filter(Boolean).join(" · ");
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
      place.append(part.value.slice(0, CALL_SHOWN - place.textContent.length));
      if (place.textContent.length >= CALL_SHOWN) { await reader.cancel(); break; }
    }
  } catch (error) {
    status.textContent = error.message;
  }
});

/* ---- An image: what the form would run */

// An argument may be called `action` or `querySelector`, and its field would hide the form's own: so the form is
// asked for nothing but attributes, and found through the document.
const form = find("#form");
const fields = () => all("#form .field");
const query = () => new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
const pageUrl = () => {
  const url = new URL(form.getAttribute("data-page"), location.href);
  url.search = query();
  // no address holds a secret
  for (const secret of all("#form input[type=password], #form select[data-secret]")) url.searchParams.delete(secret.name);
  return url;
};

// Only where it stands for the site, which the server says: a value may hold the same words.
function showSite(root) {
  find("#calls noscript", root)?.remove();
  for (const code of all("#calls code[data-site]", root)) {
    const at = Number(code.dataset.site), text = code.textContent;
    code.textContent = text.slice(0, at) + location.origin + text.slice(at + "https://SITE".length);
  }
}

// What a number field cannot read it does not tell either; the server's words for it stand beside it.
const unreadable = () => fields().map((field) => find("input, select", field)).filter((input) => input.validity.badInput)
  .map((input) => ({ name: input.name, reason: input.dataset.unreadable }));

// Beside the fields that caused them, in the server's words.
function showErrors(errors) {
  for (const field of fields()) {
    const input = find("input, select", field);
    const wrong = errors.find((error) => error.name === input.name);
    const place = find(".error", field);
    place.textContent = wrong ? wrong.reason : "";
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    const hint = find(".hint", field);
    const ids = [hint, wrong && place].filter(Boolean).map((element) => element.id);
    if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
    else input.removeAttribute("aria-describedby");
  }
}

let following;
const follow = later(async () => {
  following?.abort();
  following = new AbortController();
  try {
    const fresh = await page(pageUrl(), following.signal);
    if (!find("#form", fresh)) return;             // the image is gone, or cannot be read any more: a run will say it
    showSite(fresh);
    const codes = all("#command code, #calls code", fresh);      // as many, in the same order
    all("#command code, #calls code").forEach((code, at) => { code.textContent = codes[at].textContent; });
    for (const id of ["link", "told"]) find("#" + id).replaceChildren(...find("#" + id, fresh).childNodes);
    const wrong = all("#form .field", fresh).map((field) => ({ name: find("input, select", field).name, reason: find(".error", field).textContent }));
    showErrors([...wrong.filter((error) => error.reason), ...unreadable()]);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}, 200);

/* ---- A run, live */

const colours = { 1: "bold", 31: "red", 32: "green", 33: "yellow", 34: "blue", 35: "magenta", 36: "cyan", 90: "grey",
  91: "red", 92: "green", 93: "yellow", 94: "blue", 95: "magenta", 96: "cyan" };

// Text as a terminal would show it: colours, and carriage returns that write a line again.
function terminal(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n").map((line) => line.slice(line.lastIndexOf("\r", line.length - 2) + 1));
  const fragment = new DocumentFragment();
  let name = "";
  for (const part of lines.join("\n").split(/(\x1b(?:\[[0-?]*[ -/]*[@-~])?)/)) {
    const code = /^\x1b\[([0-9;]*)m$/.exec(part);
    if (code) {
      for (const number of code[1].split(";")) name = [0, 22, 39].includes(Number(number)) ? "" : colours[Number(number)] ?? name;
    } else if (part && !part.startsWith("\x1b")) {
      const shown = part.replace(/[\0-\x08\x0b-\x1f\x7f]/g, "");
      fragment.append(name ? make("span", { class: "c-" + name }, shown) : shown);
    }
  }
  return fragment;
}

function percent(text) {
  const found = [...text.slice(-400).matchAll(/(\d{1,3}(?:\.\d+)?)\s*%/g)].pop();
  return found && Number(found[1]) <= 100 ? Number(found[1]) : null;
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

async function* events(stream) {
  const decoder = new TextDecoder();
  let waiting = "";
  for (const reader = stream.getReader(); ;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += decoder.decode(value, { stream: true });
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

let running;
async function run() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const [result, status, elapsed, output, progress, cancel] =
    ["result", "status", "elapsed", "output", "progress", "cancel"].map((id) => find("#" + id));
  result.hidden = cancel.hidden = false;
  progress.hidden = true;
  status.classList.remove("wrong");
  const begun = performance.now();
  const seconds = () => " · " + ((performance.now() - begun) / 1000).toFixed(1) + " s";
  const live = make("pre", { class: "output", tabindex: "0" });
  const messages = make("pre", { class: "stderr", tabindex: "0" });
  output.replaceChildren(live, messages);
  status.textContent = words.starting;
  const { top } = result.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) result.scrollIntoView();     // on a phone it is below the form
  const pieces = [];                           // bytes as they came
  let text = "", errors = "", last = null, drawing = 0;
  // the time stands outside the live region: a screen reader should not read every tick
  const ticking = setInterval(() => { elapsed.textContent = seconds(); }, 100);
  const draw = () => {
    drawing = 0;
    for (const [place, said] of [[live, text], [messages, errors]]) {
      place.replaceChildren(terminal(said.slice(-100000)));
      place.scrollTop = place.scrollHeight;
    }
  };
  try {
    const url = new URL(form.getAttribute("action"), location.href);
    const post = form.getAttribute("method") === "post";
    if (!post) url.search = query();
    const answer = await fetch(url, {
      method: post ? "POST" : "GET", body: post ? query() : undefined, headers: { Accept: "text/event-stream" }, signal,
    });
    if (!answer.ok) return problem(await answer.json(), status, output);
    showErrors([]);
    for await (const [name, data] of events(answer.body)) {
      if (name === "command") status.textContent = words.running;
      if (name === "stdout") {
        pieces.push(data.base64 ? fromBase64(data.base64) : new TextEncoder().encode(data.text));
        text += data.text ?? "";
      }
      if (name === "stderr") errors += data.text;
      drawing ||= requestAnimationFrame(draw);       // however many pieces come, one picture each frame
      const done = percent(name === "stderr" ? errors : text);
      if (done !== null) [progress.hidden, progress.value] = [false, done];
      if (name === "exit") last = data;
    }
    if (!last) throw new Error("lost");
    status.textContent = verdict(last);
    cancelAnimationFrame(drawing);
    draw();
    status.classList.toggle("wrong", last.detail !== null);
    await show(new Blob(pieces), text, output);
    messages.remove();
    if (errors.trim()) output.append(make("details", { open: last.exit_code !== 0 }, make("summary", {}, words.messages), messages));
  } catch (error) {
    if (running.signal !== signal) return;           // another run has begun, and the page is its
    status.textContent = signal.aborted ? words.cancelled : words.lost;
    status.classList.toggle("wrong", !signal.aborted);
  } finally {
    clearInterval(ticking);
    cancelAnimationFrame(drawing);
    if (running.signal === signal) {
      elapsed.textContent = last ? ` · ${(last.elapsed_ms / 1000).toFixed(2)} s` : seconds();
      progress.hidden = cancel.hidden = true;
      find("#form button[type=submit]").textContent = words.again;
      running = undefined;
    }
  }
}

const verdict = ({ end, detail }) => end === "cancelled" ? words.cancelled : detail ?? words.done;

function problem(facts, status, output) {
  status.textContent = facts.title;
  status.classList.add("wrong");
  output.replaceChildren(make("p", {}, facts.detail));
  if (facts.stdout) output.append(make("pre", { class: "output", tabindex: "0" }, facts.stdout));
  if (facts.stderr) output.append(make("pre", { class: "stderr", tabindex: "0" }, facts.stderr));
  showErrors(facts.errors ?? []);
  find("#form [aria-invalid]")?.focus();
}

/* ---- What came out, by kind */

// A tree for JSON, a table for CSV, nothing for other texts.
function laidOut(text, media) {
  const value = media === "application/json" ? json(text) : undefined;
  if (value !== undefined) return make("div", { class: "tree output", tabindex: "0", role: "group", "aria-label": words.output }, tree(value));
  if (media.startsWith("text/csv")) return table(rows(text, ","));
  if (media.startsWith("text/tab-separated-values")) return table(rows(text, "\t"));
}

async function show(blob, text, output) {
  const declared = form.getAttribute("data-output") ?? "";
  if (blob.size === 0) return output.replaceChildren(make("p", { class: "none" }, words.nothing));
  const isJson = !declared && json(text) !== undefined;
  const media = isJson ? "application/json" : declared;
  const name = `${form.dataset.file}.${form.dataset.ending ?? (isJson ? "json" : text ? "txt" : "bin")}`;
  const picture = media.startsWith("image/");
  if (picture) {
    output.firstChild.replaceWith(make("img", { class: "output", alt: words.picture, src: await dataUrl(new Blob([blob], { type: media })) }));
  } else if (!text) {
    output.replaceChildren(make("p", {}, words.binary));
  } else {
    output.firstChild.replaceWith(laidOut(text, media) ?? output.firstChild);
  }
  const save = make("a", { href: URL.createObjectURL(blob), download: name }, words.save);
  const button = make("button", { type: "button", class: "quiet" }, words.copy);
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = words.copied;
  });
  output.append(make("p", { class: "actions" }, save, ...(picture || !text ? [] : [button])));
}

function json(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

const dataUrl = (blob) => new Promise((done) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.readAsDataURL(blob);
});

function tree(value, key, depth = 0) {
  const label = key === undefined ? [] : [make("span", { class: "key" }, String(key)), ": "];
  if (value === null || typeof value !== "object") {
    return make("div", {}, ...label, make("span", { class: "value " + typeof value }, JSON.stringify(value)));
  }
  const members = Object.entries(value);
  const brackets = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`;
  const details = make("details", {}, make("summary", {}, ...label, brackets));
  // each level is made when it is opened, however deep or wide the rest is
  const fill = () => {
    if (details.childElementCount > 1) return;
    details.append(...members.slice(0, 500).map(([name, member]) => tree(member, name, depth + 1)));
    if (members.length > 500) details.append(make("div", {}, "…"));
  };
  details.addEventListener("toggle", () => { if (details.open) fill(); });
  if (depth < 3 && members.length <= 50) {
    fill();
    details.open = true;
  }
  return details;
}

// RFC 4180
function rows(text, separator) {
  const found = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at], row = found[found.length - 1];
    if (quoted && character === '"' && text[at + 1] === '"') row[row.length - 1] += text[++at];
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === separator) row.push("");
    else if (!quoted && character === "\n") found.push([""]);
    else if (quoted || character !== "\r") row[row.length - 1] += character;
  }
  return found.filter((row) => row.length > 1 || row[0] !== "");
}

function table([head = [], ...body]) {
  const rest = make("tbody");
  const fill = () => rest.replaceChildren(...body.slice(0, 1000).map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell)))));
  const heads = head.map((name, column) => {
    const button = make("button", { type: "button", class: "sort" }, name);
    const cell = make("th", { scope: "col" }, button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = new Intl.Collator(undefined, { numeric: true }).compare;
      const compare = (a = "", b = "") => (a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : order(a, b));
      body.sort((a, b) => (down ? -1 : 1) * compare(a[column], b[column]));
      fill();
    });
    return cell;
  });
  fill();
  const note = body.length > 1000 ? [make("p", { class: "hint" }, body.length + words.rows)] : [];
  return make("div", { class: "wide output", tabindex: "0", role: "group", "aria-label": words.output }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), rest), ...note);
}

/* ---- Labels */

const filter = find("#filter");
filter?.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const row of find("#label-table").tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});

/* ---- Beginning */

addCopyButtons();
showSite(document);
const printed = find("#printed[data-media]");
if (printed) printed.replaceWith(laidOut(printed.textContent, printed.dataset.media) ?? printed);
if (form && find("#result")) {
  form.setAttribute("novalidate", "");         // the server's messages, beside the fields
  document.addEventListener("input", (event) => { if (event.target.closest("#form")) shown = follow(); });
  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    event.preventDefault();
    showErrors(unreadable());
    if (unreadable().length) find("#form [aria-invalid]").focus();
    else run();
  });
  find("#cancel").addEventListener("click", () => running?.abort());
  // a page that is left may be kept for the way back, with its connection: nobody watches, so the run ends
  window.addEventListener("pagehide", () => running?.abort());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") running?.abort(); });
}
