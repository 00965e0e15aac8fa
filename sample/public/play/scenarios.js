// The plays, step by step. A step has a title, a text, a button label and an action: `act` gets the stage and resolves
// to its observations, each `{ who: 'here' | 'there', text, answer }`. `waitMs` is its duration.

/** @param gracePeriodMs how long the server forgives a spent token */
export function scenarios(gracePeriodMs) {
  const seconds = (ms) => `${ms / 1000} second${ms === 1000 ? '' : 's'}`;
  const grace = seconds(gracePeriodMs);
  const setting =
    `This sample runs with a grace period of ${grace}, so that you need not wait long; ` +
    'the package’s default is 30 seconds. The variable GRACE_PERIOD changes it here.';

  const begin = [
    {
      title: 'Your browser gets a key',
      text:
        'You log in, and the server gives your browser a refresh token. We call it Key A. It lies in a cookie that ' +
        'no script can read. The play uses Alan’s account; if you are logged in here, that session ends.',
      button: 'Log in as Alan',
      act: async (stage) => [
        { who: 'here', text: 'Logged in. Your browser holds', answer: await stage.logIn() },
      ],
    },
    {
      title: 'Somebody copies it',
      text:
        'In life this takes malware, a stolen backup, or a minute alone with your laptop. Here the sample’s server ' +
        'hands the key over, by a route that exists for this play only. Nothing tells you that it has happened: ' +
        'your key still works.',
      button: 'Copy the key',
      act: async (stage) => {
        const answer = await stage.copyToken();
        const start = answer.token.slice(0, 12);
        return [
          { who: 'there', text: `Has “${start}…” now, which is`, answer },
          { who: 'here', text: 'Notices nothing, and still holds', answer: { hash: answer.hash } },
        ];
      },
    },
  ];

  const end = {
    title: 'Both are out, at once',
    text:
      'The server can’t tell which of the two is you, so it ends the session for both and raises the alarm. You log ' +
      'in again with your password. The thief has none, and their keys open nothing any more.',
    button: 'Try every key again',
    act: async (stage) => [
      { who: 'there', text: 'Calls the API', answer: await stage.callThere() },
      { who: 'there', text: 'Asks for a new key', answer: await stage.refreshThere() },
      { who: 'here', text: 'Calls the API', answer: await stage.callHere() },
    ],
  };

  const pause = (waitMs, title, text) => ({
    title,
    text: `${text} ${setting}`,
    button: `Wait ${seconds(waitMs)}`,
    waitMs,
    act: async () => [],
  });

  const forgiven =
    'A spent key that comes back is not always a theft. An answer can get lost on the way, or two tabs ask at the same ' +
    `moment. So the server forgives a spent key until ${grace} after its successor was first used. We wait until that ` +
    'has passed.';

  return [
    {
      name: 'The thief is first',
      text: 'They use the copy before your browser does.',
      steps: [
        ...begin,
        {
          title: 'The thief uses the copy',
          text:
            'From another machine, without your cookies and without your password. The server swaps Key A for Key B. ' +
            'Each key is good for one swap: from now on Key A is spent.',
          button: 'Be the thief',
          act: async (stage) => [
            { who: 'there', text: 'Swapped it for', answer: await stage.refreshThere() },
            { who: 'there', text: 'Calls the API', answer: await stage.callThere() },
          ],
        },
        pause(gracePeriodMs, 'A moment passes', forgiven),
        {
          title: 'Your browser wants its next key',
          text:
            'It does so by itself, each time its access token has run out. It still holds Key A and can’t know that ' +
            'Key A is spent. The server knows.',
          button: 'Let your browser refresh',
          act: async (stage) => [
            { who: 'here', text: 'Showed Key A', answer: await stage.refreshHere() },
          ],
        },
        end,
      ],
    },
    {
      name: 'You are first',
      text: 'Your browser moves on, and the copy gets old.',
      steps: [
        ...begin,
        {
          title: 'Your browser swaps its key',
          text:
            'As it does by itself, each time its access token has run out. It gets Key B, and uses it. Each key is good ' +
            'for one swap: the thief’s copy of Key A is spent before they tried it.',
          button: 'Let your browser refresh',
          act: async (stage) => [
            { who: 'here', text: 'Swapped it for', answer: await stage.refreshHere() },
            { who: 'here', text: 'Calls the API', answer: await stage.callHere() },
          ],
        },
        pause(gracePeriodMs, 'A moment passes', forgiven),
        {
          title: 'The thief tries the copy',
          text: 'From another machine, tomorrow or in a month. The server has seen Key A swapped already.',
          button: 'Be the thief',
          act: async (stage) => [
            { who: 'there', text: 'Showed Key A', answer: await stage.refreshThere() },
          ],
        },
        end,
      ],
    },
    {
      name: 'Both at the same moment',
      text: 'The hard case: for a while both get through.',
      steps: [
        ...begin,
        {
          title: 'Both swap Key A at the same moment',
          text:
            'To the server this looks like two tabs of one browser, so it answers both: two new keys, B and C, of the ' +
            'same generation. For now the thief rides along.',
          button: 'Swap twice at once',
          act: async (stage) => {
            const there = await stage.refreshThere();
            const here = await stage.refreshHere();
            return [
              { who: 'there', text: 'Swapped it for', answer: there },
              { who: 'here', text: 'Swapped it for', answer: here },
              { who: 'there', text: 'Calls the API', answer: await stage.callThere() },
              { who: 'here', text: 'Calls the API', answer: await stage.callHere() },
            ];
          },
        },
        pause(
          3 * gracePeriodMs,
          'Time passes',
          'The session can have one next generation only, and the server begins it when no answer of this one can be ' +
            'under way any more: three grace periods after a key of it was first used. We wait for that.',
        ),
        {
          title: 'The thief moves on',
          text:
            'They swap Key B for Key D. Key D descends from Key B, so the other branch, yours, leads nowhere any more. ' +
            'Had you been quicker, it would be the thief’s.',
          button: 'Be the thief',
          act: async (stage) => [
            { who: 'there', text: 'Swapped it for', answer: await stage.refreshThere() },
          ],
        },
        {
          title: 'Your browser wants its next key',
          text:
            'It shows Key C. The server sees a key of a branch that was left: two people hold this session. Whoever ' +
            'falls behind is found out, and nobody can stay ahead without the other falling behind.',
          button: 'Let your browser refresh',
          act: async (stage) => [
            { who: 'here', text: 'Showed Key C', answer: await stage.refreshHere() },
          ],
        },
        end,
      ],
    },
    {
      name: 'The session is bound to its device',
      text: 'The copy opens nothing: the browser has a key that nobody can copy.',
      isFoundOut: false,
      steps: [
        {
          title: 'A thief copies every cookie of a bound session',
          text:
            'Some browsers hold a key for a session in the device itself. No browser does so for plain http on ' +
            'localhost, so two that the server brings along play this one: one has the key, the other has its cookies. ' +
            'The cookie of the access token lives for ten minutes; both drop it here, so that you need not wait.',
          button: 'Play it',
          act: async (stage) => stage.playBound(),
        },
      ],
    },
  ];
}
