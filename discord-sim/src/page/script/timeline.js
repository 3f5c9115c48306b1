// Which messages begin a group and which a day, as chats show them.

// Messages of one author count as one group within so many milliseconds.
const TOGETHER = 7 * 60_000;

// Gives for each message `{ message, starts, day }`.
export function timeline(messages) {
  return messages.map((message, index) => {
    const before = messages[index - 1];
    const day = !before || dayOf(before) !== dayOf(message);
    return { message, day, starts: day || !isContinued(before, message) };
  });
}

function isContinued(before, message) {
  const stands = message.message_reference || message.interaction || message.isLocal;
  const isNear = new Date(message.timestamp) - new Date(before.timestamp) < TOGETHER;
  const isSameKind = Boolean(before.only_for) === Boolean(message.only_for);
  return !stands && isNear && isSameKind && before.author.id === message.author.id;
}

function dayOf({ timestamp }) {
  return new Date(timestamp).toDateString();
}
