(function () {
  "use strict";
  const picture = document.getElementById("picture"), all = document.getElementById("all");
  const about = document.getElementById("about"), text = document.getElementById("text");
  let scale = 1, x = 0, y = 0;

  function show() { all.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`); }

  function fit() {
    const box = picture.getBoundingClientRect();
    scale = Math.min(box.width / SIZE[0], (box.height - 50) / SIZE[1], 1.6) || 1;
    x = (box.width - SIZE[0] * scale) / 2;
    y = Math.max(48, (box.height - SIZE[1] * scale) / 2);
    show();
  }

  // What is under the pointer stays there.
  function zoom(factor, atX, atY) {
    const next = Math.min(8, Math.max(0.02, scale * factor));
    x = atX - (atX - x) * next / scale;
    y = atY - (atY - y) * next / scale;
    scale = next;
    show();
  }

  function middle(factor) {
    const box = picture.getBoundingClientRect();
    zoom(factor, box.width / 2, box.height / 2);
  }

  picture.addEventListener("wheel", event => {
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  let held = null;
  picture.addEventListener("pointerdown", event => { held = [event.clientX - x, event.clientY - y, event.clientX, event.clientY, event.target.closest(".node")]; });
  window.addEventListener("pointermove", event => {
    if (!held) return;
    x = event.clientX - held[0];
    y = event.clientY - held[1];
    picture.classList.add("held");
    show();
  });
  window.addEventListener("pointerup", event => {
    if (!held) return;
    const still = Math.abs(event.clientX - held[2]) + Math.abs(event.clientY - held[3]) < 4;
    const node = held[4];
    held = null;
    picture.classList.remove("held");
    if (still) choose(node ? node.id : null);
  });

  function reach(from, forward) {
    const seen = new Set([from]), rest = [from];
    while (rest.length) {
      const at = rest.pop();
      for (const edge of picture.querySelectorAll(`.edge[data-${forward ? "from" : "to"}="${at}"]`)) {
        const next = edge.dataset[forward ? "to" : "from"];
        if (!seen.has(next)) { seen.add(next); rest.push(next); }
      }
    }
    return seen;
  }

  function choose(id) {
    for (const one of picture.querySelectorAll(".chosen, .faint, .near")) one.classList.remove("chosen", "faint", "near");
    about.hidden = !id;
    if (!id) return;
    const before = reach(id, false), after = reach(id, true);
    for (const node of picture.querySelectorAll(".node")) {
      node.classList.toggle("faint", !before.has(node.id) && !after.has(node.id));
      node.classList.toggle("chosen", node.id === id);
    }
    for (const edge of picture.querySelectorAll(".edge")) {
      const from = edge.dataset.from, to = edge.dataset.to;
      const is = (before.has(from) && before.has(to)) || (after.has(from) && after.has(to));
      edge.classList.toggle("near", is);
      edge.classList.toggle("faint", !is);
    }
    describe(DETAILS[id]);
  }

  function element(name, content, into) {
    const made = document.createElement(name);
    if (content !== undefined) made.textContent = content;
    into.appendChild(made);
    return made;
  }

  function rows(title, list) {
    if (!list.length) return;
    element("h3", title, text);
    const table = element("table", undefined, text);
    for (const [name, value] of list) {
      const row = element("tr", undefined, table);
      element("td", name, row);
      element("td", value, row);
    }
  }

  function shown(value) { return typeof value === "string" ? value : JSON.stringify(value); }

  function place(one) { return one.external || (one.path ? (one.resource === "." ? one.path : one.resource + ":" + one.path) : one.resource); }

  function references(list) { return (list || []).map(one => [place(one), one.digest === null ? "nothing" : (one.digest || "?").slice(0, 16)]); }

  function describe(node) {
    text.textContent = "";
    const facts = node.details;
    element("h2", node.label, text);
    if (node.stale) element("div", "stale: " + node.stale, text).className = "why";
    if (node.kind !== "step") {
      rows(node.kind, Object.entries(facts).map(([name, value]) => [name, shown(value)]));
      return;
    }
    const command = (facts.command || []).join(" ");
    rows("execution", [["id", facts.id], ["kind", facts.kind], ["status", facts.status], ["started", facts.started], ["seconds", shown(facts.seconds)],
      ["by", facts.by + (facts.host ? " on " + facts.host : "")]].concat(command ? [["command", command]] : []).concat(facts.reason ? [["reason", facts.reason]] : []));
    rows("parameters", Object.entries(facts.parameters || {}).map(([name, value]) => [name, shown(value)]));
    rows("inputs", references(facts.inputs));
    rows("outputs", references(facts.outputs));
    rows("code", references(facts.code));
    rows("environment", Object.entries(facts.environment || {}));
    rows("warnings", (facts.warnings || []).map(one => ["", one]));
  }

  document.getElementById("more").onclick = () => middle(1.3);
  document.getElementById("less").onclick = () => middle(1 / 1.3);
  document.getElementById("fit").onclick = fit;
  document.getElementById("close").onclick = () => choose(null);
  document.getElementById("find").addEventListener("input", event => {
    const wanted = event.target.value.toLowerCase();
    choose(null);
    if (!wanted) return;
    for (const node of picture.querySelectorAll(".node")) node.classList.toggle("faint", !DETAILS[node.id].label.toLowerCase().includes(wanted));
  });
  document.addEventListener("keydown", event => {
    if (event.target.tagName === "INPUT") return;
    if (event.key === "+") middle(1.3);
    else if (event.key === "-") middle(1 / 1.3);
    else if (event.key === "0") fit();
    else if (event.key === "Escape") choose(null);
    else if (event.key === "Enter" && document.activeElement.classList.contains("node")) choose(document.activeElement.id);
  });
  window.addEventListener("resize", fit);
  fit();
  if (DETAILS[location.hash.slice(1)]) choose(location.hash.slice(1));
})();
