// A command that was sent and is not answered yet, as a message that only its sender's page knows.

const LOADING = 128;
const NO_ANSWER = "The application did not respond";

// What stands at the end of the channel until the bot answers; `command` is the command's name.
export function pending(interaction, command, user, application) {
  return {
    id: interaction,
    isLocal: true,
    isPending: true,
    author: { id: application.id, username: application.name, bot: true },
    interaction: { user: { id: user.id, username: user.name }, name: command },
    timestamp: new Date().toISOString(),
    flags: LOADING,
    content: "",
    embeds: [],
    components: [],
    reactors: [],
    notified: [],
  };
}

// The same when it is too late for an answer.
export function failed(message) {
  return { ...message, isPending: false, failed: NO_ANSWER, flags: 0, only_for: message.interaction.user.id };
}
