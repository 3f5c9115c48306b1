// A sent command without a response yet, shown as a message only to its sender.

const LOADING = 128;
const NO_ANSWER = "The application did not respond";

// Shown at the end of the channel until the bot responds. `command` is the command's name.
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

// Shown when the time limit for a response has passed.
export function failed(message) {
  return { ...message, isPending: false, failed: NO_ANSWER, flags: 0, only_for: message.interaction.user.id };
}
