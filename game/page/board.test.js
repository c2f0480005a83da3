// node --test game/page/
"use strict";
const test = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

// The page joins its scripts in this order; so does the test.
const source = ["board.js", "rollout.js"].map((name) => fs.readFileSync(path.join(__dirname, name), "utf8")).join("");
const loaded = { exports: {} };
new Function("module", source)(loaded);
const { GOAL, newGame, slide, play, isStuck, standing, revive, SETTLED_AFTER, rolloutOf } = loaded.exports;

function gameOf(rows) {
  const cells = rows.flat().map((value, at) => (value ? { id: at + 1, value } : null));
  return { cells, score: 0, nextId: 17, won: false, goingOn: false };
}
const values = (cells) => [0, 4, 8, 12].map((at) => cells.slice(at, at + 4).map((tile) => (tile ? tile.value : 0)));
const row = (...line) => gameOf([line, [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]);
// A small generator, so that a failure can be looked at again.
function chance(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    return seed / 4294967296;
  };
}

test("a tile merges once per move, nearest the side first", () => {
  for (const [before, after, gained] of [
    [[2, 2, 2, 2], [4, 4, 0, 0], 8],
    [[2, 2, 2, 0], [4, 2, 0, 0], 4],
    [[4, 2, 2, 0], [4, 4, 0, 0], 4],
    [[2, 2, 4, 0], [4, 4, 0, 0], 4],
    [[0, 2, 0, 2], [4, 0, 0, 0], 4],
    [[8, 0, 4, 8], [8, 4, 8, 0], 0],
    [[2, 0, 0, 4], [2, 4, 0, 0], 0],
  ]) {
    const slid = slide(row(...before), "left");
    assert.deepEqual(values(slid.cells)[0], after, `${before}`);
    assert.equal(slid.gained, gained, `${before}`);
  }
});

test("the side decides which two merge", () => {
  assert.deepEqual(values(slide(row(2, 2, 2, 0), "right").cells)[0], [0, 0, 2, 4]);
  const column = gameOf([[2, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]);
  assert.deepEqual(values(slide(column, "up").cells).map((line) => line[0]), [4, 2, 0, 0]);
  assert.deepEqual(values(slide(column, "down").cells).map((line) => line[0]), [0, 0, 2, 4]);
});

test("a move that changes nothing is no move", () => {
  assert.equal(play(row(2, 4, 2, 4), "left", chance(1)), null);
  assert.equal(play(row(2, 4, 2, 4), "right", chance(1)), null);
  assert.notEqual(play(row(2, 4, 2, 4), "down", chance(1)), null);
});

test("whole games keep their promises", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = chance(seed);
    let game = newGame(random);
    let moves = 0;
    for (; !isStuck(game); moves++) {
      const before = game;
      const frozen = JSON.stringify(before);
      const move = play(game, ["left", "down", "right", "up"][Math.floor(random() * 4)], random);
      assert.equal(JSON.stringify(before), frozen, "a game is never changed");
      if (move === null) continue;
      game = { ...move.game, goingOn: true };
      const sum = (cells) => cells.reduce((total, tile) => total + (tile ? tile.value : 0), 0);
      const fresh = game.cells.find((tile) => tile && tile.id === move.spawned);
      assert.equal(sum(game.cells), sum(before.cells) + fresh.value, "merging neither makes nor loses anything");
      assert.equal(game.score, before.score + move.gained);
      const ids = game.cells.filter(Boolean).map((tile) => tile.id);
      assert.equal(new Set(ids).size, ids.length);
      assert.ok(Math.max(...ids) < game.nextId);
      assert.deepEqual(revive(JSON.parse(JSON.stringify(game))), game);
    }
    assert.equal(standing(game), "lost");
    assert.ok(moves > 20);
  }
});

test("one new tile in ten is a four", () => {
  const random = chance(7);
  let fours = 0;
  for (let round = 0; round < 5000; round++) {
    const game = newGame(random);
    fours += game.cells.filter((tile) => tile && tile.value === 4).length;
  }
  assert.ok(Math.abs(fours / 10000 - 0.1) < 0.015, `${fours} of 10000`);
});

test("2048 wins, once, and the game can go on", () => {
  const move = play(row(1024, 1024, 0, 0), "left", chance(1));
  assert.equal(move.gained, GOAL);
  assert.equal(standing(move.game), "won");
  const goingOn = { ...move.game, goingOn: true };
  assert.equal(standing(goingOn), "playing");
});

test("a full board is lost only without neighbours", () => {
  const full = [[2, 4, 2, 4], [4, 2, 4, 2], [2, 4, 2, 4], [4, 2, 4, 2]];
  assert.equal(standing(gameOf(full)), "lost");
  full[3][3] = 4;
  assert.equal(standing(gameOf(full)), "playing");
});

test("what is not a game is not revived", () => {
  const good = JSON.parse(JSON.stringify(newGame(chance(3))));
  assert.notEqual(revive(good), null);
  const at = good.cells.findIndex(Boolean);
  const bad = (change) => {
    const copy = JSON.parse(JSON.stringify(good));
    change(copy);
    return copy;
  };
  for (const stored of [
    null, 7, "x", [], {}, { cells: [] },
    bad((game) => game.cells.pop()),
    bad((game) => (game.score = -1)),
    bad((game) => (game.cells[at].value = 3)),
    bad((game) => (game.cells[at].value = "2")),
    bad((game) => (game.cells[at].id = 99)),
    bad((game) => game.cells.fill(null)),
    bad((game) => game.cells.fill(game.cells[at])),
  ]) {
    assert.equal(revive(stored), null, JSON.stringify(stored));
  }
});

test("a rollout is seen, counted and finished", () => {
  const answer = (version, second) => ({ version, label: version, colour: "#000000", started_at: `2026-01-01T00:00:0${second}.000Z` });
  const [one, two] = [answer("v1", 1), answer("v2", 2)];
  const states = (page, ...answers) => rolloutOf(page, answers).state;
  assert.equal(states(one, one, null, one), "steady");
  assert.equal(states(one, one, two, one), "turning");
  assert.equal(rolloutOf(one, [one, two, one]).share, 1 / SETTLED_AFTER);
  assert.equal(states(one, one, ...Array(SETTLED_AFTER).fill(two)), "turned");
  assert.equal(states(one, ...Array(SETTLED_AFTER - 1).fill(two), null, two), "turned");
  assert.equal(states(two, two, one, two), "steady", "an old task that still answers is no news");
  assert.equal(states(one, null, null), "steady");
  const replaced = answer("v1", 5);
  assert.equal(states(one, replaced, replaced), "steady", "another task of the same version is no news");
  const back = { ...answer("v1", 7) };
  assert.equal(rolloutOf(two, [two, back]).next, back, "a rollback is news");
});
