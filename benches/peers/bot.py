"""What a team would write in an afternoon with discord.py and asyncpg: no ledger, no checks, no second look.

Run with DISCORD_API, DISCORD_GATEWAY, DISCORD_GUILD, DISCORD_TOKEN and DATABASE_URL in the environment.
"""

import logging
import os

import asyncpg
import discord
import yarl
from discord import app_commands

API = os.environ["DISCORD_API"]
GUILD = discord.Object(int(os.environ["DISCORD_GUILD"]))
SESSIONS = "select pid, usename, state, wait_event_type, left(query, 60) as query from pg_stat_activity order by query_start limit 10"
SESSION = "select pid, usename, application_name, state, left(query, 200) as query from pg_stat_activity where pid = $1"
TERMINATE = "select pg_terminate_backend($1)"


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents.default())
        self.tree = app_commands.CommandTree(self)
        self.asked = {}

    async def setup_hook(self):
        self.database = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4)
        await self.tree.sync(guild=GUILD)

    async def on_raw_reaction_add(self, reaction):
        if reaction.user_id == self.user.id or str(reaction.emoji) != "✅":
            return
        pid = self.asked.pop(reaction.message_id, None)
        if pid is None:
            return
        signalled = await self.database.fetchval(TERMINATE, pid)
        channel = self.get_channel(reaction.channel_id)
        card = channel.get_partial_message(reaction.message_id)
        await channel.send(f"Terminated {pid}: {signalled}", reference=card)


bot = Bot()


@bot.tree.command(guild=GUILD, description="Lists sessions")
async def sessions(interaction: discord.Interaction):
    rows = await bot.database.fetch(SESSIONS)
    lines = [f"{row['pid']} {row['usename']} {row['state']} {row['query']}" for row in rows]
    await interaction.response.send_message("\n".join(lines))


@bot.tree.command(guild=GUILD, description="Asks to end a session")
async def terminate(interaction: discord.Interaction, pid: int):
    row = await bot.database.fetchrow(SESSION, pid)
    card = discord.Embed(title=f"Terminate {pid}?", description=f"{row['usename']} {row['state']}\n{row['query']}")
    await interaction.response.send_message(embed=card)
    message = await interaction.original_response()
    bot.asked[message.id] = pid
    await message.add_reaction("✅")
    await message.add_reaction("❌")


@bot.tree.command(guild=GUILD, description="Answers without asking a database")
async def instant(interaction: discord.Interaction):
    await interaction.response.send_message("here")


discord.http.Route.BASE = f"{API}/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY"])
bot.run(os.environ["DISCORD_TOKEN"], log_level=logging.WARNING)
