// Groups messages by author and day, as chats do.

// Messages of one author within this many milliseconds form a group.
const TOGETHER = 7 * 60_000;

// Returns `{ message, starts }` for each message, and `{ day }` before the first message of a day.
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
