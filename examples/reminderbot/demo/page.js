// The chat page of the demo. The server sends its state over one event stream;
// everything here draws that state or posts what the person does.

const $ = (id) => document.getElementById(id);
const icons = {
  copy: '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><rect x="8.5" y="8.5" width="11" height="11" rx="2.5"/><path d="M15.5 8.5v-2a2 2 0 0 0-2-2h-7a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h2"/></svg>',
  link: '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M7 17 17 7M9 7h8v8"/></svg>',
  file: '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11m-5-5 5 5 5-5M5 20h14"/></svg>',
  read: '<svg viewBox="0 0 16 10" aria-hidden="true"><path d="m1 5.5 3 3 6-7M7 8.5l1 .1 6.5-7"/></svg>',
};

let state = { messages: new Map(), agenda: [], commands: [], keyboard: [], zone: "" };
const narrow = matchMedia("(max-width: 860px)");

// ── Time ────────────────────────────────────────────────────────────────────

// By the system's clock, as the service's: performance.now() stands still while a laptop sleeps.
let clock = { at: Date.now(), since: Date.now() };
const now = () => clock.at + (Date.now() - clock.since);

const formats = new Map();
function format(when, options) {
  const key = state.zone + JSON.stringify(options);
  if (!formats.has(key)) {
    const zoned = state.zone ? { ...options, timeZone: state.zone } : options;
    formats.set(key, new Intl.DateTimeFormat("en-GB", zoned));
  }
  return formats.get(key).format(when);
}
const hourMinute = (when) => format(when, { hour: "2-digit", minute: "2-digit" });
const dayKey = (when) => format(when, { year: "numeric", month: "2-digit", day: "2-digit" });
const longDay = (when) => format(when, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

function dayName(when) {
  const day = 24 * 3600 * 1000;
  for (const [name, shift] of [["Today", 0], ["Tomorrow", day], ["Yesterday", -day]]) {
    if (dayKey(when) === dayKey(now() + shift)) return name;
  }
  const far = Math.abs(when - now()) > 300 * day;
  return format(when, { weekday: "short", day: "numeric", month: "short", ...(far && { year: "numeric" }) });
}

function tick() {
  $("time").textContent = $("chip-time").textContent = hourMinute(now());
  $("time").dateTime = new Date(now()).toISOString();
  $("seconds").textContent = ":" + format(now(), { second: "2-digit" }).padStart(2, "0");
  $("date").textContent = longDay(now()) + (state.zone ? " · " + state.zone.replaceAll("_", " ") : "");
}

// ── The stream ──────────────────────────────────────────────────────────────

function listen() {
  const stream = new EventSource("/demo/events");
  stream.onmessage = (e) => take(JSON.parse(e.data));
  stream.onerror = () => {
    state.connected = false;
    drawStatus();
    drawClock();
    drawAgenda();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

function take(e) {
  const first = !state.drawn;
  const fresh = new Set();
  const changed = new Set();
  if (e.whole) {
    const gone = new Set(state.messages.keys());
    for (const m of e.messages) gone.delete(m.id);
    e.removed = [...gone];
  }
  for (const id of e.removed ?? []) state.messages.delete(id);
  for (const m of e.messages) {
    const before = state.messages.get(m.id);
    if (!before) fresh.add(m.id);
    else if (before.html !== m.html) changed.add(m.id);
    state.messages.set(m.id, m);
  }
  Object.assign(state, {
    bot: e.bot, username: e.username, zone: e.zone, commands: e.commands ?? [], keyboard: e.keyboard ?? [], doing: e.doing,
    agenda: e.agenda ?? [], more: !!e.more, trouble: e.trouble, journey: e.journey, connected: true, drawn: true,
  });
  clock = { at: Date.parse(e.now), since: Date.now() };
  tick();
  drawStatus();
  drawLog(first ? new Set() : fresh, changed, first);
  drawFoot();
  drawClock();
  drawAgenda();
}

// ── The chat ────────────────────────────────────────────────────────────────

function drawStatus() {
  $("bot").textContent = state.bot || "Followthrough";
  const status = $("status");
  const [text, busy] = !state.connected ? ["connecting", true] : state.doing ? [doings[state.doing] ?? "typing", true] : ["bot", false];
  status.textContent = text;
  status.className = busy ? "busy dots" : "";
}
const doings = { typing: "typing", upload_document: "sending a file", find_location: "looking up the place" };

const drawn = new Map(); // message id → its element and what it shows

function drawLog(fresh, changed, jump) {
  const log = $("log");
  const messages = [...state.messages.values()].sort((a, b) => a.id - b.id);
  if (document.hidden && !jump) entitle(waiting + messages.filter((m) => fresh.has(m.id) && !m.mine).length);
  const days = []; // the elements of each day, in order
  messages.forEach((m, i) => {
    const day = dayOf(m);
    const previous = messages[i - 1];
    const next = messages[i + 1];
    if (!previous || dayOf(previous) !== day) days.push({ day, at: Date.parse(m.at), elements: [] });
    const el = messageElement(m);
    el.classList.toggle("first", !previous || previous.mine !== m.mine || dayOf(previous) !== day);
    el.classList.toggle("last", !next || next.mine !== m.mine || dayOf(next) !== day);
    if (fresh.has(m.id)) restart(el, "fresh");
    if (changed.has(m.id)) restart(el.querySelector(".bubble"), "changed");
    days.at(-1).elements.push(el);
  });
  for (const [id, entry] of drawn) {
    if (!state.messages.has(id)) {
      entry.el.remove();
      drawn.delete(id);
    }
  }
  arrange(log, days.map(({ day, at, elements }) => {
    const group = dayGroup(day, at);
    arrange(group.lastElementChild, elements);
    return group;
  }));
  $("hello").hidden = messages.length > 0;
  const arrived = messages.filter((m) => fresh.has(m.id));
  if (jump || following || arrived.some((m) => m.mine)) toEnd(jump ? "instant" : "smooth");
  else missed += arrived.length;
  showDown();
}

// The title counts what came while nobody was looking.
let waiting = 0;
const title = document.title;
function entitle(n) {
  waiting = n;
  document.title = n ? `(${n}) ${title}` : title;
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) entitle(0); });

const dayOf = (m) => dayKey(Date.parse(m.at));

// arrange gives a list exactly these children, moving no child that is in its
// place, which would lose the focus.
function arrange(list, children) {
  const keep = new Set(children);
  for (const child of [...list.children]) if (!keep.has(child)) child.remove();
  children.forEach((child, i) => { if (list.children[i] !== child) list.insertBefore(child, list.children[i] ?? null); });
}

const groups = new Map();
function dayGroup(day, at) {
  if (!groups.has(day)) {
    const group = make("div", "group");
    group.append(make("div", "day"), make("ol"));
    groups.set(day, group);
  }
  const group = groups.get(day);
  const name = dayName(at);
  group.firstElementChild.textContent = ["Today", "Yesterday"].includes(name) ? name : format(at, { day: "numeric", month: "long" });
  return group;
}

function messageElement(m) {
  const shows = JSON.stringify([m, state.zone]);
  const known = drawn.get(m.id);
  if (known?.shows === shows) return known.el;
  const el = known?.el ?? make("li");
  const focused = el.contains(document.activeElement) ? place(document.activeElement) : null;
  el.className = "msg " + (m.mine ? "out" : "in") + (m.rows ? " keyed" : "");
  el.dataset.id = m.id;
  el.replaceChildren(bubble(m), ...(m.rows ? [keys(m)] : []));
  drawn.set(m.id, { el, shows });
  if (focused !== null) (el.querySelectorAll("button, a")[focused] ?? $("text")).focus({ preventScroll: true });
  return el;
}

// place is where among a message's controls the focus is, so that an edit does
// not lose it.
function place(el) {
  return [...el.closest(".msg").querySelectorAll("button, a")].indexOf(el);
}

function bubble(m) {
  const box = make("div", "bubble");
  box.append(make("span", "unseen", m.mine ? "You: " : state.bot + ": "));
  if (m.reply_to) box.append(make("div", "reply", m.reply_to));
  if (m.document) box.append(file(m.document));
  const body = make("div", "body");
  body.innerHTML = m.html; // made safe by the server
  if (m.location) body.append(m.location);
  for (const pre of body.querySelectorAll("pre")) copyable(pre);
  for (const block of body.querySelectorAll(".copyable, blockquote")) {
    // The line break after a block belongs to the block.
    if (block.nextSibling?.nodeType === Node.TEXT_NODE) block.nextSibling.data = block.nextSibling.data.replace(/^\n/, "");
  }
  for (const code of body.querySelectorAll("code")) asButton(code, "Copy", () => copy(code.textContent));
  for (const command of body.querySelectorAll(".command")) asButton(command, "", () => send({ text: command.textContent }));
  for (const spoiler of body.querySelectorAll(".tg-spoiler")) asButton(spoiler, "Hidden text", () => spoiler.classList.add("seen"));
  const meta = make("span", "meta");
  const at = make("time", "", hourMinute(Date.parse(m.at)));
  at.dateTime = m.at;
  at.title = longDay(Date.parse(m.at));
  meta.append(m.edited ? "edited " : "", at);
  if (m.mine) meta.insertAdjacentHTML("beforeend", icons.read);
  body.append(meta);
  box.append(body);
  return box;
}

function file(d) {
  const a = make("a", "file");
  a.href = "/demo/file/" + encodeURIComponent(d.id);
  a.download = d.name;
  a.innerHTML = `<span class="round">${icons.file}</span><span><b></b><small></small></span>`;
  a.querySelector("b").textContent = d.name;
  a.querySelector("small").textContent = d.size < 1024 ? d.size + " B" : (d.size / 1024).toFixed(1) + " KB";
  return a;
}

// copyable gives a block a bar that copies it; a draft keeps the chat's type,
// JSON and the like get a fixed-width one.
function copyable(pre) {
  const text = pre.textContent;
  const box = make("div", "copyable" + (/^\s*[[{`]/.test(text) ? " code" : ""));
  const button = make("button");
  button.type = "button";
  button.innerHTML = "<span>Copy</span>" + icons.copy;
  button.onclick = () => copy(text);
  pre.replaceWith(box);
  pre.onclick = () => { if (!String(getSelection())) copy(text); };
  box.append(button, pre);
}

function keys(m) {
  const box = make("div", "keys");
  m.rows.forEach((row, r) => {
    const line = make("div", "row");
    row.forEach((b, c) => {
      const key = make(b.kind === "link" ? "a" : "button", "key", b.label);
      if (b.kind === "link") {
        Object.assign(key, { href: b.value, target: "_blank", rel: "noopener noreferrer" });
      } else {
        key.type = "button";
        key.onclick = () => (b.kind === "copy" ? copy(b.value) : press(key, { message: m.id, row: r, column: c, label: b.label }));
      }
      if (icons[b.kind]) {
        key.insertAdjacentHTML("beforeend", icons[b.kind]);
        key.lastElementChild.classList.add("corner");
      }
      line.append(key);
    });
    box.append(line);
  });
  return box;
}

async function press(key, where) {
  if (key.classList.contains("busy")) return;
  key.classList.add("busy");
  try {
    const answer = await post("/demo/press", where);
    if (answer.show_alert && answer.text) alertBox(answer.text);
    else if (answer.text) toast(answer.text);
  } catch (err) {
    toast(err.message);
  } finally {
    key.classList.remove("busy");
  }
}

// The chat follows what comes in until the person moves it up, and again from
// its end on. Where it is on its own way down does not count.
const scroll = $("scroll");
const nearEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
const still = matchMedia("(prefers-reduced-motion: reduce)");
let following = true;
let missed = 0; // messages that came in while it did not follow
let last = { top: 0, height: 0 };
function toEnd(behavior) {
  following = true;
  if (still.matches) behavior = "instant";
  requestAnimationFrame(() => scroll.scrollTo({ top: scroll.scrollHeight, behavior }));
}
function showDown() {
  if (following) missed = 0;
  $("down").hidden = following;
  $("down-count").hidden = missed === 0;
  $("down-count").textContent = missed;
  requestAnimationFrame(() => {
    for (const day of document.querySelectorAll(".day")) {
      const margin = parseFloat(getComputedStyle(day).marginTop);
      day.classList.toggle("stuck", day.offsetTop > day.parentElement.offsetTop + margin + 1);
    }
  });
}
let moved;
scroll.addEventListener("scroll", () => {
  const { scrollTop, scrollHeight } = scroll;
  if (nearEnd()) following = true;
  else if (scrollTop < last.top && scrollHeight === last.height) following = false;
  last = { top: scrollTop, height: scrollHeight };
  showDown();
  $("log").classList.add("moving");
  clearTimeout(moved);
  moved = setTimeout(() => $("log").classList.remove("moving"), 900);
}, { passive: true });
new ResizeObserver(() => { if (following) scroll.scrollTop = scroll.scrollHeight; }).observe(scroll);
$("down").onclick = () => {
  toText();
  toEnd("smooth");
  showDown();
};

// ── The composer ────────────────────────────────────────────────────────────

const text = $("text");
const menu = $("commands");

// On a touch screen the focus would bring the keyboard up, over the chat.
const touch = matchMedia("(pointer: coarse)");
const toText = () => { if (!touch.matches) text.focus(); };

function drawFoot() {
  const empty = state.messages.size === 0;
  const started = document.activeElement === $("start") && !empty;
  $("start").hidden = !empty;
  $("composer").hidden = empty;
  if (started) toText();
  $("menu").hidden = state.commands.length === 0;
  const board = $("keyboard");
  const shows = JSON.stringify(state.keyboard);
  if (board.dataset.shows === shows) return;
  board.dataset.shows = shows;
  $("board").hidden = state.keyboard.length === 0;
  showBoard(state.keyboard.length > 0);
  board.replaceChildren(...state.keyboard.map((row) => {
    const line = make("div", "row");
    for (const k of row ?? []) {
      const b = make("button", "", k.label);
      b.type = "button";
      b.onclick = () => (k.location ? shareLocation() : send({ text: k.label }));
      line.append(b);
    }
    return line;
  }));
}

// The bot's own keyboard can be put away, as in Telegram.
function showBoard(shown) {
  $("keyboard").hidden = !shown;
  $("board").setAttribute("aria-expanded", shown);
}
$("board").onclick = () => showBoard($("keyboard").hidden);

function shareLocation() {
  navigator.geolocation?.getCurrentPosition(
    (p) => send({ location: { latitude: p.coords.latitude, longitude: p.coords.longitude } }),
    () => toast("The browser did not share a location. Write the name of your city instead."),
    { timeout: 10000 },
  );
}

async function send(message) {
  try {
    await post("/demo/send", message);
    return true;
  } catch (err) {
    toast(err.message);
    return false;
  }
}

let sending = false;
async function submit() {
  const value = text.value;
  if (!value.trim() || sending) return;
  sending = true;
  closeMenu();
  if (await send({ text: value })) {
    // Keep what was typed while it was on its way.
    text.value = text.value.startsWith(value) ? text.value.slice(value.length).trimStart() : text.value;
    typed();
  }
  sending = false;
}

function typed() {
  $("composer").classList.toggle("empty", !text.value.trim());
  if (!CSS.supports("field-sizing", "content")) {
    text.style.height = "auto";
    text.style.height = Math.min(text.scrollHeight, innerHeight * 0.4) + "px";
  }
}

$("composer").addEventListener("submit", (e) => { e.preventDefault(); submit(); text.focus(); });
$("start").onclick = () => send({ text: "/start" });
text.addEventListener("input", () => {
  typed();
  const typedCommand = /^\/(\w*)$/.exec(text.value);
  if (typedCommand) openMenu(typedCommand[1]);
  else closeMenu();
});
text.addEventListener("keydown", (e) => {
  if (!menu.hidden && menuKey(e)) return;
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing && !touch.matches) {
    e.preventDefault();
    submit();
  } else if ((e.key === "PageUp" || e.key === "PageDown") && text.scrollHeight <= text.clientHeight + 4) {
    e.preventDefault();
    const page = scroll.clientHeight * 0.85;
    scroll.scrollBy({ top: e.key === "PageUp" ? -page : page, behavior: still.matches ? "instant" : "smooth" });
  }
});

// The menu of commands: all of them from its button, those that match while a
// command is typed.

function openMenu(prefix) {
  const matching = state.commands.filter((c) => c.command.startsWith(prefix.toLowerCase()));
  if (matching.length === 0) return closeMenu();
  menu.replaceChildren(...matching.map((c, i) => {
    const item = make("li");
    item.id = "command-" + i;
    item.setAttribute("role", "option");
    item.append(make("b", "", "/" + c.command), make("span", "", c.description));
    item.onclick = () => choose(c.command);
    item.onpointerdown = (e) => e.preventDefault(); // keep the focus in the text
    return item;
  }));
  menu.hidden = false;
  $("menu").setAttribute("aria-expanded", "true");
  select(0);
}

function closeMenu() {
  if (document.activeElement === menu) text.focus();
  menu.hidden = true;
  $("menu").setAttribute("aria-expanded", "false");
  text.removeAttribute("aria-activedescendant");
}

function select(i) {
  const items = [...menu.children];
  const chosen = items[(i + items.length) % items.length];
  for (const item of items) item.setAttribute("aria-selected", String(item === chosen));
  chosen.scrollIntoView({ block: "nearest" });
  for (const el of [text, menu]) el.setAttribute("aria-activedescendant", chosen.id);
}

function menuKey(e) {
  const at = [...menu.children].findIndex((item) => item.getAttribute("aria-selected") === "true");
  switch (e.key) {
    case "ArrowDown": select(at + 1); break;
    case "ArrowUp": select(at - 1); break;
    case "Escape": closeMenu(); break;
    case "Tab":
      if (e.shiftKey) return false;
      text.value = menu.children[at].firstChild.textContent + " ";
      closeMenu();
      typed();
      break;
    case "Enter": menu.children[at].click(); break;
    default: return false;
  }
  e.preventDefault();
  return true;
}

menu.addEventListener("keydown", menuKey);

function choose(command) {
  closeMenu();
  text.value = "";
  typed();
  send({ text: "/" + command });
  toText();
}

$("menu").onclick = () => {
  if (menu.hidden) openMenu("");
  else closeMenu();
  toText();
};
document.addEventListener("pointerdown", (e) => { if (!e.target.closest(".foot")) closeMenu(); });
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") {
    if ($("side").classList.contains("open")) closeSide();
    else closeMenu();
  } else if (e.key === "/" && document.activeElement !== text && !e.ctrlKey && !e.metaKey && !e.altKey && !$("composer").hidden) {
    text.focus();
  }
});

// ── The clock ───────────────────────────────────────────────────────────────

const open = (item) => ["pending", "sent", "snoozed"].includes(item.status);
const upcoming = () => state.agenda.filter((item) => open(item) && Date.parse(item.due) > now()).sort((a, b) => Date.parse(a.due) - Date.parse(b.due))[0];

function drawClock() {
  const journey = state.journey;
  const lost = !state.connected;
  $("side").classList.toggle("lost", lost);
  $("side").classList.toggle("moving", !!journey);
  $("progress").hidden = !journey;
  if (journey) {
    const from = Date.parse(journey.from);
    const to = Date.parse(journey.to);
    $("progress").firstElementChild.style.width = Math.min(100, (100 * (now() - from)) / (to - from)) + "%";
  }
  const next = upcoming();
  for (const b of document.querySelectorAll(".jumps button")) enable(b, !journey && !lost && (b.id !== "next" || !!next));
  $("next").textContent = lost ? "Waiting for the service …" : journey ? "Moving to " + dayName(Date.parse(journey.to)) + ", " + hourMinute(Date.parse(journey.to)) + " …"
    : next ? "Next reminder: " + dayName(Date.parse(next.due)) + ", " + hourMinute(Date.parse(next.due)) : "No reminder ahead";
  const hours = Math.round((now() - Date.now()) / 3600e3);
  $("hint").textContent = (hours < 1 ? "" : (hours < 48 ? hours + " h" : Math.round(hours / 24) + " days") + " ahead of real time. ")
    + "Forward only: what falls due on the way arrives in the chat.";
}

// enable gives a button that was disabled under the focus its focus back, so
// that the next press of the key finds it.
let bereft = null;
function enable(button, on) {
  if (!on && document.activeElement === button) bereft = button;
  if (on === button.disabled) button.disabled = !on;
  if (on && bereft === button) {
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
    bereft = null;
  }
}

async function advance(by) {
  if (narrow.matches) closeSide();
  try {
    await post("/demo/advance", { by });
  } catch (err) {
    toast(err.message);
  }
}
for (const b of document.querySelectorAll("[data-by]")) b.onclick = () => advance(b.dataset.by);
$("next").onclick = () => {
  const next = upcoming();
  // A moment past it, so that it is due and not about to be.
  if (next) advance(Math.ceil((Date.parse(next.due) - now()) / 1000) + 1 + "s");
};

// ── The time line ───────────────────────────────────────────────────────────

const tags = { sent: "waiting for you", snoozed: "snoozed", completed: "done", skipped: "skipped" };

function drawAgenda() {
  const items = state.agenda;
  const ahead = items.filter(open).length;
  const count = ahead + (state.more ? "+" : "");
  $("agenda-count").textContent = ahead ? "· " + count : "";
  $("chip-count").textContent = count;
  $("chip-count").hidden = !ahead;
  const trouble = state.connected === false ? "The service does not answer. This is what was scheduled when it last did." : state.trouble;
  $("trouble").hidden = !trouble;
  $("trouble").textContent = trouble ?? "";
  $("more").hidden = !state.more;
  $("nothing").hidden = ahead > 0 || !!state.trouble;
  const line = $("line");
  const late = (item) => item.status === "pending" && Date.parse(item.due) <= now();
  const shows = JSON.stringify([items, state.zone, dayKey(now()), items.map(late)]);
  if (line.dataset.shows === shows) return;
  line.dataset.shows = shows;
  const nodes = [];
  let day = "";
  items.forEach((item) => {
    const due = Date.parse(item.due);
    if (dayKey(due) !== day) {
      day = dayKey(due);
      nodes.push(make("li", "when", dayName(due)));
    }
    const step = make("li", "step " + (late(item) ? "late" : item.status));
    step.classList.toggle("over", !open(item));
    const head = make("div", "head");
    const at = make("time", "", hourMinute(due));
    at.dateTime = item.due;
    head.append(at);
    const tag = late(item) ? "due" : tags[item.status];
    if (tag) head.append(make("span", "tag", tag));
    step.append(make("span", "dot"), head, make("b", "lead", item.lead));
    if (item.step) step.append(make("div", "what", item.step));
    if (item.found) step.append(make("div", "found", item.found));
    nodes.push(step);
  });
  line.replaceChildren(...nodes);
}

// On a narrow screen the side is a sheet over the chat.

function openSide() {
  $("side").classList.add("open");
  $("shade").hidden = false;
  $("chat").inert = true;
  $("open-side").setAttribute("aria-expanded", "true");
  $("close-side").focus();
}
function closeSide() {
  const was = $("side").classList.contains("open");
  $("side").classList.remove("open");
  $("shade").hidden = true;
  $("chat").inert = false;
  $("open-side").setAttribute("aria-expanded", "false");
  if (was && narrow.matches) $("open-side").focus({ preventScroll: true });
}
$("open-side").onclick = openSide;
$("close-side").onclick = $("shade").onclick = closeSide;
narrow.addEventListener("change", closeSide);

// ── Small things ────────────────────────────────────────────────────────────

function make(tag, className = "", content) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (content !== undefined) el.textContent = content;
  return el;
}

function asButton(el, label, act) {
  el.tabIndex = 0;
  el.setAttribute("role", "button");
  if (label) el.title = label;
  el.onclick = act;
  el.onkeydown = (e) => {
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      act();
    }
  };
}

// restart plays an element's animation from its beginning.
function restart(el, name) {
  el.classList.remove(name);
  void el.offsetWidth;
  el.classList.add(name);
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error("The service does not answer at the moment. Nothing is lost; try again when it is back.");
  }
  const result = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(result.error ?? "That did not work.");
  return result;
}

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    // Without https, and not on this machine, there is no clipboard to write to.
    const focused = document.activeElement;
    const box = make("textarea");
    box.value = value;
    document.body.append(box);
    box.select();
    const copied = document.execCommand("copy");
    box.remove();
    focused?.focus({ preventScroll: true });
    if (!copied) return toast("The browser does not let this page copy. Select the text instead.");
  }
  toast("Copied to the clipboard");
}

let toastTimer;
function toast(message) {
  $("toast").textContent = message;
  $("toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), 3200);
}

function alertBox(message) {
  $("alert-text").textContent = message;
  $("alert").showModal();
}

typed();
setInterval(() => { tick(); drawClock(); drawAgenda(); }, 1000);
listen();
