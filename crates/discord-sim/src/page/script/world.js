// The guild's people, roles and channels, as last read from the simulator, and their colours.

const MANAGE_MESSAGES = 1n << 13n;

// Neighbours in a list get distant hues: the step is the golden angle.
const STEP = 137.5;

export class World {
  constructor(json) {
    this.guild = json.guild;
    this.channels = json.channels;
    this.commands = json.commands;
    this.application = json.application;
    this.api = json.api;
    this.isOnline = json.bot_connected;
    this.aside = json.aside ?? null;
    this.title = json.title;
    this.ended = json.ended;
    this.members = json.people;
    this.roles = json.roles.filter((role) => role.id !== json.guild.id);
    this.people = this.members.filter((member) => !member.bot);
  }

  member(id) {
    return this.members.find((member) => member.id === id);
  }

  named(name) {
    return this.members.find((member) => member.name === name);
  }

  role(id) {
    return this.roles.find((role) => role.id === id);
  }

  channel(id) {
    return this.channels.find((channel) => channel.id === id);
  }

  // The hue of a person's avatar, in degrees.
  hue(id) {
    return (
      260 +
      STEP *
        Math.max(
          0,
          this.people.findIndex((person) => person.id === id),
        )
    );
  }

  // The hue of a role, in degrees.
  roleHue(name) {
    return 150 + STEP * this.roles.findIndex((role) => role.name === name);
  }
}

export function moderates(member) {
  return (BigInt(member?.permissions ?? 0) & MANAGE_MESSAGES) !== 0n;
}
