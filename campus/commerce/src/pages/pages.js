// Without this script, everything works: the buttons are sent, and the page comes back. With it, course codes can be
// dragged by their handle, and the arrows move them at once.
"use strict";

const codes = document.querySelector(".codes");
const notice = document.querySelector("#notice");

// What was refused, or what a button has just made, is where one looks next.
const focus = document.querySelector("form[data-focus]");
(document.querySelector(".problem") ?? (focus && document.getElementById(focus.dataset.focus)))?.focus();

if (codes) {
  document.documentElement.classList.add("scripted");
  const items = () => [...codes.children];

  // The numbers in names and buttons are those of the places; the values stay with their fields.
  const renumber = () => items().forEach((item, index, all) => {
    item.querySelector(".place").textContent = index + 1;
    for (const button of item.querySelectorAll("button[value]")) {
      button.value = button.value.replace(/:\d+/, `:${index}`);
      const label = button.getAttribute("aria-label");
      if (label) button.setAttribute("aria-label", label.replace(/(course code) \d+/, `$1 ${index + 1}`));
      if (button.value.startsWith("move-up")) button.disabled = index === 0;
      if (button.value.startsWith("move-down")) button.disabled = index === all.length - 1;
    }
  });
  const moved = (item) => {
    renumber();
    const key = item.querySelector("[name=code_key]").value || "The course code";
    notice.textContent = `${key} is now number ${items().indexOf(item) + 1} of ${items().length}. Save to keep it so.`;
  };

  codes.addEventListener("click", (event) => {
    const button = event.target.closest("button[value^=move-]");
    if (!button) return;
    event.preventDefault();
    const item = button.closest(".code");
    if (button.value.startsWith("move-up")) item.previousElementSibling?.before(item);
    else item.nextElementSibling?.after(item);
    moved(item);
    (button.disabled ? item.querySelector("button[value^=move-]:not(:disabled)") : button)?.focus();
  });

  codes.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".handle");
    if (!handle || event.button !== 0) return;
    event.preventDefault();
    const item = handle.closest(".code");
    item.classList.add("dragged");
    const drag = (event) => {
      const others = items().filter((other) => other !== item);
      const middle = (other) => { const box = other.getBoundingClientRect(); return box.top + box.height / 2; };
      const next = others.find((other) => event.clientY < middle(other));
      if (next) { if (item.nextElementSibling !== next) next.before(item); } else codes.append(item);
    };
    const drop = () => {
      item.classList.remove("dragged");
      document.removeEventListener("pointermove", drag);
      document.removeEventListener("pointerup", drop);
      document.removeEventListener("pointercancel", drop);
      moved(item);
    };
    document.addEventListener("pointermove", drag);
    document.addEventListener("pointerup", drop);
    document.addEventListener("pointercancel", drop);
  });
}
