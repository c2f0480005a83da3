// What the latest answers say about who serves this page. Pure: an answer is what /api/about said, or null when
// nobody answered.

// As many answers in a row make "now and then" into "always".
const SETTLED_AFTER = 8;

function versionOf(answer) {
  return [answer.version, answer.label, answer.colour].join("\n");
}

// The newest version is the one whose task started last: a rollback is a new version too.
// { state: "steady" | "turning" | "turned", next, share }
function rolloutOf(page, answers) {
  const given = answers.filter((answer) => answer !== null);
  const newest = given.reduce((best, answer) => (answer.started_at > best.started_at ? answer : best), page);
  if (versionOf(newest) === versionOf(page)) return { state: "steady", next: null, share: 0 };
  const recent = given.slice(-SETTLED_AFTER);
  const from_newest = recent.filter((answer) => versionOf(answer) === versionOf(newest)).length;
  const share = from_newest / SETTLED_AFTER;
  return { state: share === 1 ? "turned" : "turning", next: newest, share };
}

if (typeof module !== "undefined") {
  Object.assign(module.exports, { SETTLED_AFTER, rolloutOf });
}
