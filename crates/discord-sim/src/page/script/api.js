// The simulator's interface under /sim: JSON requests, and a stream of change notifications.

// An error from the simulator, with Discord's message.
export class Declined extends Error {}

export function get(path) {
  return ask(path, {});
}

export function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

// Acts as a person. `act` is a verb of the interface, such as "says".
export function act(person, verb, body, signal) {
  return post(`/sim/as/${encodeURIComponent(person)}/${verb}`, body, signal);
}

async function ask(path, request) {
  const response = await fetch(path, request);
  if (response.status === 204) return {};
  const answer = await response.json();
  if (!response.ok) throw new Declined(answer.message);
  return answer;
}

const stream = new EventSource("/sim/changes");

// Calls `changed` after each change, and after the connection was lost.
export function onChange(changed) {
  stream.addEventListener("message", changed);
  stream.addEventListener("open", changed);
}

// Calls `lost` when the simulator stops answering.
export function onLoss(lost) {
  stream.addEventListener("error", lost);
}

// Waits for a change, for at most `limit` milliseconds.
export function nextChange(limit) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, limit);
    stream.addEventListener("message", done);
    function done() {
      clearTimeout(timer);
      stream.removeEventListener("message", done);
      resolve();
    }
  });
}
