// Which messages begin a group and which a day, as chats show them.

// Messages of one author count as one group within so many milliseconds.
const TOGETHER = 7 * 60_000;

// Gives for each message `{ message, starts }`, and before the first of a day `{ day }`, a time of it.
export function timeline(messages) {
  return messages.flatMap((message, index) => {
    const before = messages[index - 1];
    const isNewDay = !before || dayOf(before) !== dayOf(message);
    const item = { message, starts: isNewDay || !isContinued(before, message) };
    return isNewDay ? [{ day: message.timestamp }, item] : [item];
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
