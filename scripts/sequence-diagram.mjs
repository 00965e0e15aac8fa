// The sequence diagram of the README, as SVG: a login, a refresh, and a theft that is found out.

const WIDTH = 800;
const TOP = 70;
const LANES = { ada: 150, app: 440, thief: 700 };
const NAMES = { ada: 'Ada’s browser', app: 'Your application', thief: 'A thief' };
const COLOURS = {
  ink: '#1c1f1b',
  soft: '#5c625a',
  line: '#c9c5b8',
  good: '#0f6b4f',
  bad: '#b3261e',
};

/** What happens, from the top down. `step` is the room above it. */
const EVENTS = [
  { section: 'Login' },
  { from: 'ada', to: 'app', text: 'POST /login, with the password' },
  { from: 'app', to: 'ada', text: 'access token, refresh token A', tone: 'good', step: 34 },
  { note: 'app', text: 'one row, which holds no token' },
  { section: 'Every request' },
  { from: 'ada', to: 'app', text: 'GET /me, with the access token' },
  { from: 'app', to: 'ada', text: '200', tone: 'good', step: 34 },
  { note: 'app', text: 'no query, and still revocable' },
  { section: 'Refresh' },
  { from: 'ada', to: 'app', text: 'POST /auth/session/refresh, A' },
  { from: 'app', to: 'ada', text: 'access token, refresh token B', tone: 'good', step: 34 },
  { note: 'app', text: 'A is spent' },
  { section: 'Theft' },
  { from: 'ada', to: 'thief', text: 'B is copied, unseen', tone: 'bad', isDashed: true },
  { from: 'thief', to: 'app', text: 'refresh, B', tone: 'bad', step: 42 },
  { from: 'app', to: 'thief', text: 'refresh token C', step: 34 },
  { from: 'ada', to: 'app', text: 'refresh, B, at her next turn', step: 42 },
  { from: 'app', to: 'ada', text: '401 token theft detected', tone: 'bad', step: 34 },
  { note: 'app', text: 'B was spent: the session ends' },
  { from: 'thief', to: 'app', text: 'anything, with C', tone: 'bad', step: 42 },
  { from: 'app', to: 'thief', text: '401', tone: 'bad', step: 34 },
];

/** @returns {string} the picture; a card of its own, so that it can be read on light and on dark pages */
export function sequenceDiagram() {
  let y = TOP;
  const shapes = [];
  for (const event of EVENTS) {
    if (event.section !== undefined) shapes.push(section(event.section, (y += 36)));
    else if (event.note !== undefined) shapes.push(note(event, (y += 6)));
    else shapes.push(arrow(event, (y += event.step ?? 36)));
  }
  const height = y + 36;
  const lanes = Object.keys(LANES).map((lane) => lifeline(lane, height));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="A login, a refresh, and a theft that is found out">
<style>text{font:14.5px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:${COLOURS.ink}}.name{font-weight:650;font-size:16px}.section{font-weight:650;font-size:13px;fill:${COLOURS.soft}}.note{font-size:13px;fill:${COLOURS.soft}}</style>
<rect x="1" y="1" width="${WIDTH - 2}" height="${height - 2}" rx="14" fill="#fffefa" stroke="${COLOURS.line}"/>
${[...lanes, ...shapes].join('\n')}
</svg>
`;
}

function lifeline(lane, height) {
  const x = LANES[lane];
  const colour = lane === 'thief' ? COLOURS.bad : COLOURS.good;
  return `<line x1="${x}" y1="66" x2="${x}" y2="${height - 18}" stroke="${COLOURS.line}" stroke-width="1.5"/>
<rect x="${x - 88}" y="24" width="176" height="42" rx="10" fill="#fffefa" stroke="${colour}" stroke-width="1.5"/>
${words(x, 50, 'name', 'middle', NAMES[lane])}`;
}

function section(title, y) {
  return `<line x1="20" y1="${y - 12}" x2="${WIDTH - 20}" y2="${y - 12}" stroke="${COLOURS.line}" stroke-dasharray="2 4"/>
${words(20, y + 4, 'section', 'start', title)}`;
}

function note({ note: lane, text }, y) {
  return words(LANES[lane] + 14, y - 14, 'note', 'start', text);
}

function arrow({ from, to, text, tone = 'ink', isDashed = false }, y) {
  const way = Math.sign(LANES[to] - LANES[from]);
  const [start, end] = [LANES[from] + way * 3, LANES[to] - way * 3];
  const colour = COLOURS[tone];
  const dashes = isDashed ? ' stroke-dasharray="6 5"' : '';
  // Beside the lane in the middle, so that no words lie on its line.
  const middle = isDashed ? (LANES.ada + LANES.app) / 2 : (start + end) / 2;
  return `<line x1="${start}" y1="${y}" x2="${end - way * 6}" y2="${y}" stroke="${colour}" stroke-width="1.6"${dashes}/>
<path d="M${end} ${y}l${-way * 10} -5v10z" fill="${colour}"/>
${words(middle, y - 8, '', 'middle', text)}`;
}

function words(x, y, kind, anchor, text) {
  const attribute = kind === '' ? '' : ` class="${kind}"`;
  return `<text x="${x}" y="${y}"${attribute} text-anchor="${anchor}">${text}</text>`;
}
