// What a team would write in an afternoon with discord.js and pg: no ledger, no checks, no second look.
//
// Run with DISCORD_API, DISCORD_GUILD, DISCORD_TOKEN and DATABASE_URL in the environment.
"use strict";

const { Client, Events, GatewayIntentBits, Partials } = require("discord.js");
const { Pool } = require("pg");

const SESSIONS =
  "select pid, usename, state, wait_event_type, left(query, 60) as query from pg_stat_activity order by query_start limit 10";
const SESSION =
  "select pid, usename, application_name, state, left(query, 200) as query from pg_stat_activity where pid = $1";
const TERMINATE = "select pg_terminate_backend($1)";
const COMMANDS = [
  { name: "sessions", description: "Lists sessions" },
  {
    name: "terminate",
    description: "Asks to end a session",
    options: [{ name: "pid", description: "The session", type: 4, required: true }],
  },
  { name: "instant", description: "Answers without asking a database" },
];

const database = new Pool({ connectionString: process.env.DATABASE_URL, min: 4, max: 4 });
const asked = new Map();
const bot = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.GuildMessageReactions],
  partials: [Partials.Message, Partials.Reaction],
  rest: { api: `${process.env.DISCORD_API}/api` },
});

const answers = {
  async sessions(interaction) {
    const { rows } = await database.query(SESSIONS);
    const lines = rows.map((row) => `${row.pid} ${row.usename} ${row.state} ${row.query}`);
    await interaction.reply(lines.join("\n"));
  },

  async terminate(interaction) {
    const pid = interaction.options.getInteger("pid");
    const { rows } = await database.query(SESSION, [pid]);
    const { usename, state, query } = rows[0];
    const card = { title: `Terminate ${pid}?`, description: `${usename} ${state}\n${query}` };
    await interaction.reply({ embeds: [card] });
    const message = await interaction.fetchReply();
    asked.set(message.id, pid);
    await message.react("✅");
    await message.react("❌");
  },

  async instant(interaction) {
    await interaction.reply("here");
  },
};

bot.on(Events.InteractionCreate, async (interaction) => {
  if (interaction.isChatInputCommand()) {
    await answers[interaction.commandName](interaction);
  }
});

bot.on(Events.MessageReactionAdd, async (reaction, user) => {
  const pid = asked.get(reaction.message.id);
  if (user.id === bot.user.id || reaction.emoji.name !== "✅" || pid === undefined) {
    return;
  }
  asked.delete(reaction.message.id);
  const { rows } = await database.query(TERMINATE, [pid]);
  await reaction.message.reply(`Terminated ${pid}: ${rows[0].pg_terminate_backend}`);
});

bot.on(Events.ClientReady, async () => {
  // Connected before the first question, as in the other bots.
  await database.query("select 1");
  await bot.application.commands.set(COMMANDS, process.env.DISCORD_GUILD);
});

bot.login(process.env.DISCORD_TOKEN);
