// Shows a page again as soon as something has changed. What is shown is rendered, and escaped, by the server.
"use strict";
(() => {
  const SETTLE_MS = 150;
  const live = document.getElementById("live");
  let timer = 0;
  let loading = false;
  let stale = false;

  function say(text, kind) {
    live.textContent = text;
    live.className = kind;
  }

  async function refresh() {
    timer = 0;
    if (loading) {
      stale = true;
      return;
    }
    loading = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      show(page.getElementById("content"));
      if (answer.ok) say("live", "on");
      else say("not up to date", "off");
    } catch {
      say("not reachable", "off");
    } finally {
      loading = false;
      if (stale) {
        stale = false;
        schedule();
      }
    }
  }

  function show(content) {
    const writing = document.activeElement?.matches("input, select");
    if (!content || writing) return;
    const open = [...document.querySelectorAll("details[open]")].map((each) => each.id);
    const forms = [...document.querySelectorAll("form[id]")];
    document.getElementById("content").replaceWith(content);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const form of forms) keep(form, document.getElementById(form.id));
    document.dispatchEvent(new Event("shown"));
  }

  // What somebody has typed, and what was last said to them, outlives the form that it stood in.
  function keep(before, after) {
    if (!after) return;
    for (const field of before.elements) {
      const same = after.elements.namedItem(field.name);
      if (field.matches("input[type=checkbox]") && same) same.checked = field.checked;
      else if (field.matches("input, select") && same) same.value = field.value;
    }
    const said = after.querySelector("output");
    if (said) said.replaceWith(before.querySelector("output"));
  }

  function schedule() {
    if (!timer) timer = setTimeout(refresh, SETTLE_MS);
  }

  const changes = new EventSource("/v1/stream");
  for (const kind of ["reload", "order", "rejection", "governance"]) changes.addEventListener(kind, schedule);
  changes.addEventListener("error", () => say("connecting…", "off"));
})();
