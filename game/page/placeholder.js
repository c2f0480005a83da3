"use strict";
// Waits for the first real version, then makes room for it.
(() => {
  const about = JSON.parse(document.body.dataset.about);
  document.getElementById("where").textContent = `Served from ${about.zone} by task ${about.task.slice(0, 8)}`;

  async function look() {
    try {
      const response = await fetch("/api/about", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (response.ok && !(await response.json()).placeholder) {
        location.reload();
        return;
      }
    } catch {
      // Between two tasks there may be a moment without an answer; the next look is soon.
    }
    setTimeout(look, 1500);
  }
  setTimeout(look, 1500);
})();
