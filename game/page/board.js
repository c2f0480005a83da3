"use strict";
// The rules of the game as pure functions: no page, no storage, chance is an argument (`random()` in [0, 1)).
//
// A game is { cells, score, nextId, won, goingOn }. A cell is null or { id, value }; ids let the page move the same
// tile instead of drawing another one. Games are never changed, only succeeded.

const SIZE = 4;
const GOAL = 2048;
const SHARE_OF_FOURS = 0.1;
const DIRECTIONS = ["left", "right", "up", "down"];

// The four lines of cells that a move slides, each starting at the side the tiles move to.
function lines(direction) {
  const along = [0, 1, 2, 3];
  const towards = direction === "right" || direction === "down" ? [3, 2, 1, 0] : along;
  const cell = direction === "left" || direction === "right"
    ? (line, step) => line * SIZE + step
    : (line, step) => step * SIZE + line;
  return along.map((line) => towards.map((step) => cell(line, step)));
}

function newGame(random, nextId = 1) {
  let game = { cells: Array(SIZE * SIZE).fill(null), score: 0, nextId, won: false, goingOn: false };
  game = spawn(game, random).game;
  return spawn(game, random).game;
}

function spawn(game, random) {
  const free = [];
  game.cells.forEach((tile, at) => {
    if (tile === null) free.push(at);
  });
  if (free.length === 0) return { game, id: null };
  const at = free[Math.floor(random() * free.length)];
  const value = random() < SHARE_OF_FOURS ? 4 : 2;
  const cells = game.cells.slice();
  cells[at] = { id: game.nextId, value };
  return { game: { ...game, cells, nextId: game.nextId + 1 }, id: game.nextId };
}

// Slides without a new tile. `merges` says which two tiles became which third, and where.
function slide(game, direction) {
  const cells = Array(SIZE * SIZE).fill(null);
  const merges = [];
  let { nextId } = game;
  let gained = 0;
  let moved = false;
  for (const line of lines(direction)) {
    let to = 0;
    let mergeable = false;
    for (const from of line) {
      const tile = game.cells[from];
      if (tile === null) continue;
      const last = to > 0 ? line[to - 1] : null;
      if (mergeable && cells[last].value === tile.value) {
        const value = tile.value * 2;
        merges.push({ id: nextId, from: [cells[last].id, tile.id], at: last });
        cells[last] = { id: nextId++, value };
        gained += value;
        moved = true;
        mergeable = false;
      } else {
        if (line[to] !== from) moved = true;
        cells[line[to++]] = tile;
        mergeable = true;
      }
    }
  }
  return { cells, merges, gained, moved, nextId };
}

// One whole move, or null when it would change nothing.
function play(game, direction, random) {
  const slid = slide(game, direction);
  if (!slid.moved) return null;
  const won = game.won || slid.cells.some((tile) => tile !== null && tile.value >= GOAL);
  const after = { cells: slid.cells, score: game.score + slid.gained, nextId: slid.nextId, won, goingOn: game.goingOn };
  const spawned = spawn(after, random);
  return { game: spawned.game, merges: slid.merges, gained: slid.gained, spawned: spawned.id };
}

function isStuck(game) {
  return DIRECTIONS.every((direction) => !slide(game, direction).moved);
}

// "playing", "won" (until the player goes on) or "lost".
function standing(game) {
  if (game.won && !game.goingOn) return "won";
  return isStuck(game) ? "lost" : "playing";
}

// A stored game is somebody else's text: null unless it is a game this code could have written.
function revive(stored) {
  if (typeof stored !== "object" || stored === null || !Array.isArray(stored.cells)) return null;
  const { cells, score, nextId, won, goingOn } = stored;
  const whole = (number) => Number.isSafeInteger(number) && number >= 0;
  if (cells.length !== SIZE * SIZE || !whole(score) || !whole(nextId)) return null;
  const ids = new Set();
  for (const tile of cells) {
    if (tile === null) continue;
    if (typeof tile !== "object" || !whole(tile.id) || tile.id >= nextId || ids.has(tile.id)) return null;
    if (!whole(tile.value) || tile.value < 2 || !Number.isInteger(Math.log2(tile.value))) return null;
    ids.add(tile.id);
  }
  if (ids.size === 0) return null;
  const copy = cells.map((tile) => (tile === null ? null : { id: tile.id, value: tile.value }));
  return { cells: copy, score, nextId, won: won === true, goingOn: goingOn === true };
}

if (typeof module !== "undefined") {
  module.exports = { GOAL, newGame, slide, play, isStuck, standing, revive };
}
