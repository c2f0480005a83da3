// The page: draws the game, listens to keys and fingers, keeps the board in the browser, and watches who answers.
(() => {
  const page = JSON.parse(document.body.dataset.about);
  const element = (id) => document.getElementById(id);

  // ---- What stays in the browser -------------------------------------------------------------------------------

  const GAME_KEY = "game-2048.game";
  const BEST_KEY = "game-2048.best";
  const LONGEST_HISTORY = 30;

  function stored(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  function store(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Storage is full or forbidden: the game goes on, it is only not kept.
    }
  }

  const saved = stored(GAME_KEY);
  let game = revive(saved && saved.game) || newGame(Math.random);
  let history = (Array.isArray(saved && saved.history) ? saved.history : []).map(revive).filter((past) => past !== null);
  let best = Number.isSafeInteger(stored(BEST_KEY)) ? stored(BEST_KEY) : 0;

  function keep() {
    store(GAME_KEY, { game, history });
    if (game.score > best) {
      best = game.score;
      store(BEST_KEY, best);
    }
  }

  // ---- Drawing -------------------------------------------------------------------------------------------------

  const board = element("board");
  const layer = element("tiles");
  const drawn = new Map();

  function place(node, at) {
    node.style.setProperty("--row", Math.floor(at / 4));
    node.style.setProperty("--column", at % 4);
  }

  function tileNode(tile, at, entrance) {
    const node = document.createElement("div");
    node.className = `tile digits-${String(tile.value).length}${entrance ? ` ${entrance}` : ""}`;
    node.dataset.value = tile.value > 2048 ? "beyond" : tile.value;
    const face = document.createElement("span");
    face.textContent = tile.value;
    node.append(face);
    place(node, at);
    layer.append(node);
    drawn.set(tile.id, node);
    return node;
  }

  // Tiles that merged travel to where they met and then make room for the one they became.
  function retire(id, at) {
    const node = drawn.get(id);
    if (!node) return;
    drawn.delete(id);
    node.classList.add("leaving");
    place(node, at);
    setTimeout(() => node.remove(), 120);
  }

  function draw(move) {
    const merged = new Map();
    for (const merge of move ? move.merges : []) {
      merged.set(merge.id, merge);
      merge.from.forEach((id) => retire(id, merge.at));
    }
    const present = new Set();
    game.cells.forEach((tile, at) => {
      if (tile === null) return;
      present.add(tile.id);
      const node = drawn.get(tile.id);
      if (node) place(node, at);
      else tileNode(tile, at, merged.has(tile.id) ? "merged" : "fresh");
    });
    for (const [id, node] of drawn) {
      if (!present.has(id)) {
        drawn.delete(id);
        node.remove();
      }
    }
    element("score").textContent = game.score;
    element("best").textContent = best;
    element("undo").disabled = history.length === 0;
    if (move && move.gained > 0) showGain(move.gained);
    drawEnding();
    describe();
  }

  function showGain(gained) {
    const gain = element("gain");
    gain.textContent = `+${gained}`;
    gain.classList.remove("rising");
    void gain.offsetWidth; // Restarts the animation.
    gain.classList.add("rising");
  }

  function drawEnding() {
    const end = standing(game);
    const ending = element("ending");
    ending.hidden = end === "playing";
    board.classList.toggle("ended", end !== "playing");
    if (end === "playing") return;
    element("ending-text").textContent = end === "won" ? "You made 2048!" : "No move left";
    element("ending-detail").textContent = `${game.score} points${game.score === best && best > 0 ? ", your best" : ""}`;
    element("go-on").hidden = end !== "won";
  }

  function describe() {
    const row = (at) => game.cells.slice(at, at + 4).map((tile) => (tile === null ? "empty" : tile.value)).join(", ");
    element("board-text").textContent = [0, 4, 8, 12].map((at, index) => `Row ${index + 1}: ${row(at)}.`).join(" ");
  }

  function announce(text) {
    element("announce").textContent = text;
  }

  // ---- Playing -------------------------------------------------------------------------------------------------

  function remember() {
    history.push(game);
    history = history.slice(-LONGEST_HISTORY);
  }

  function moveTo(direction) {
    if (standing(game) !== "playing") return;
    const move = play(game, direction, Math.random);
    if (move === null) return;
    remember();
    game = move.game;
    keep();
    draw(move);
    const end = standing(game);
    const outcome = end === "won" ? " You made 2048." : end === "lost" ? " No move left." : "";
    announce(`${direction}${move.gained ? `, plus ${move.gained}` : ""}. Score ${game.score}.${outcome}`);
    lookSoon();
  }

  function undo() {
    if (history.length === 0) return;
    // Ids go on counting, so that a tile of the undone move is never taken for one of the next.
    game = { ...history.pop(), nextId: game.nextId };
    keep();
    draw(null);
    announce(`Undone. Score ${game.score}.`);
  }

  function startOver() {
    remember();
    game = newGame(Math.random, game.nextId);
    keep();
    draw(null);
    announce("New game.");
    board.focus({ preventScroll: true });
  }

  function goOn() {
    game = { ...game, goingOn: true };
    keep();
    draw(null);
    board.focus({ preventScroll: true });
  }

  element("undo").addEventListener("click", undo);
  element("new").addEventListener("click", startOver);
  element("again").addEventListener("click", startOver);
  element("go-on").addEventListener("click", goOn);
  element("help").addEventListener("click", () => element("how").showModal());

  const KEYS = {
    ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
    KeyA: "left", KeyD: "right", KeyW: "up", KeyS: "down",
  };

  document.addEventListener("keydown", (event) => {
    if (element("how").open) return;
    if ((event.ctrlKey || event.metaKey) && event.code === "KeyZ" && !event.shiftKey) {
      event.preventDefault();
      undo();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = KEYS[event.code];
    if (direction) {
      event.preventDefault();
      moveTo(direction);
    } else if (event.key === "u" || event.key === "U") undo();
    else if ((event.key === "n" || event.key === "N") && !event.repeat) startOver();
    else if (event.key === "?") element("how").showModal();
  });

  // A swipe counts as soon as it is long enough, not only when the finger is lifted; one move per touch.
  const LONG_ENOUGH_PIXELS = 22;
  let touch = null;

  const surface = document.querySelector(".play");
  surface.addEventListener("pointerdown", (event) => {
    if (event.isPrimary && event.button === 0 && !event.target.closest("button")) {
      touch = { id: event.pointerId, x: event.clientX, y: event.clientY };
    }
  });
  window.addEventListener("pointermove", (event) => {
    if (touch === null || event.pointerId !== touch.id) return;
    const x = event.clientX - touch.x;
    const y = event.clientY - touch.y;
    if (Math.max(Math.abs(x), Math.abs(y)) < LONG_ENOUGH_PIXELS) return;
    touch = null;
    if (Math.abs(x) > Math.abs(y)) moveTo(x > 0 ? "right" : "left");
    else moveTo(y > 0 ? "down" : "up");
  });
  for (const end of ["pointerup", "pointercancel"]) {
    window.addEventListener(end, () => {
      touch = null;
    });
  }

  // ---- Who answers ---------------------------------------------------------------------------------------------

  const STEADY_MILLIS = 3000;
  const TURNING_MILLIS = 700;
  const AFTER_MOVES_MILLIS = 500;
  const SHOWN_ANSWERS = 16;
  const PATIENCE_MILLIS = 4000;

  let answers = [page];
  let timer = null;
  let looking = false;

  async function ask() {
    try {
      const response = await fetch("/api/about", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLIS) });
      const answer = response.ok ? await response.json() : null;
      return answer && typeof answer.version === "string" && /^#[0-9a-f]{6}$/.test(answer.colour) ? answer : null;
    } catch {
      return null;
    }
  }

  async function look() {
    if (looking || document.hidden) return;
    looking = true;
    clearTimeout(timer);
    answers = [...answers, await ask()].slice(-SHOWN_ANSWERS);
    looking = false;
    drawAnswers();
    lookIn(rolloutOf(page, answers).state === "turning" ? TURNING_MILLIS : STEADY_MILLIS);
  }

  function lookIn(millis) {
    clearTimeout(timer);
    timer = setTimeout(look, millis);
  }

  function lookSoon() {
    if (!looking) lookIn(AFTER_MOVES_MILLIS);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });

  // White or near-black, whichever can be read on the colour; the server decides in the same way.
  function inkOn(colour) {
    const linear = [1, 3, 5].map((at) => {
      const share = parseInt(colour.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.06 ? "#ffffff" : "#101820";
  }

  function paint(node, answer) {
    node.style.setProperty("--colour", answer.colour);
    node.style.setProperty("--ink", inkOn(answer.colour));
  }

  function drawAnswers() {
    const latest = answers[answers.length - 1];
    const known = answers.filter((answer) => answer !== null);
    if (known.length > 0) {
      const answer = known[known.length - 1];
      paint(element("chip"), answer);
      element("chip").textContent = answer.label;
      element("zone").textContent = answer.zone;
      element("task").textContent = answer.task.slice(0, 8);
    }
    document.body.classList.toggle("silent", latest === null);
    const slots = [...Array(SHOWN_ANSWERS - answers.length).fill(undefined), ...answers].map((answer) => {
      const slot = document.createElement("i");
      if (answer === null) {
        slot.className = "missing";
        slot.title = "no answer";
      } else if (answer) {
        paint(slot, answer);
        slot.title = `${answer.label} · ${answer.zone} · ${answer.task.slice(0, 8)}`;
      }
      return slot;
    });
    element("answers").replaceChildren(...slots);
    const counts = new Map();
    answers.forEach((answer) => {
      const label = answer === null ? "nobody" : answer.label;
      counts.set(label, (counts.get(label) || 0) + 1);
    });
    element("answers").ariaLabel = `Last answers: ${[...counts].map(([label, count]) => `${count} by ${label}`).join(", ")}`;
    drawRollout();
  }

  function drawRollout() {
    const { state, next, share } = rolloutOf(page, answers);
    const banner = element("rollout");
    banner.hidden = state === "steady";
    element("lead").hidden = state !== "steady";
    if (state === "steady") return;
    paint(banner, next);
    banner.dataset.state = state;
    element("rollout-share").style.setProperty("--share", share);
    element("load").hidden = state !== "turned";
    // Only real changes: a status that is written again is read out again.
    say("rollout-title", state === "turned" ? `${next.label} is here.` : `${next.label} is taking over.`);
    say("rollout-detail", state === "turned" ? "Your board comes with you." : "Just keep playing.");
    say("load", `Load ${next.label}`);
  }

  function say(id, text) {
    if (element(id).textContent !== text) element(id).textContent = text;
  }

  element("load").addEventListener("click", () => {
    keep();
    location.reload();
  });

  // ---- Begin ---------------------------------------------------------------------------------------------------

  keep();
  draw(null);
  drawAnswers();
  lookIn(STEADY_MILLIS);
})();
