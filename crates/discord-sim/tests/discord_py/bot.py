"""A bot as one writes it with discord.py, pointed at the simulator instead of at Discord."""

import os

import discord
import yarl
from discord import app_commands

discord.http.Route.BASE = os.environ["DISCORD_API"] + "/api/v10"
# Not asked for at GET /gateway by this library.
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY"])


class Ask(discord.ui.View):
    """A question with a button for its answer."""

    def __init__(self):
        super().__init__(timeout=None)

    @discord.ui.button(label="Yes", custom_id="yes")
    async def yes(self, interaction: discord.Interaction, _button: discord.ui.Button):
        await interaction.response.edit_message(content=f"{interaction.user.name} said yes", view=None)


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, guild_reactions=True))
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        # The button may be pressed before the library has read the answer to the call that sent it.
        self.add_view(Ask())
        guild = discord.Object(int(os.environ["DISCORD_GUILD"]))
        self.tree.copy_global_to(guild=guild)
        await self.tree.sync(guild=guild)

    async def on_raw_reaction_add(self, reaction: discord.RawReactionActionEvent):
        if reaction.user_id != self.user.id:
            channel = self.get_channel(reaction.channel_id)
            message = await channel.fetch_message(reaction.message_id)
            await message.reply(f"{reaction.member.name} put {reaction.emoji} on it")


bot = Bot()


@bot.tree.command(description="Greets somebody")
@app_commands.describe(whom="Who is greeted")
async def greet(interaction: discord.Interaction, whom: str):
    await interaction.response.send_message(f"Good morning, {whom}!")
    answer = await interaction.original_response()
    await answer.add_reaction("👋")


@greet.autocomplete("whom")
async def known(interaction: discord.Interaction, typed: str):
    names = [member for member in ("Ada", "Alan", "Grace") if member.lower().startswith(typed.lower())]
    return [app_commands.Choice(name=name, value=name) for name in names]


@bot.tree.command(description="Asks the channel, after some thought")
async def ask(interaction: discord.Interaction):
    await interaction.response.defer(thinking=True)
    embed = discord.Embed(title="Shall we?", description="Whoever presses first decides.")
    await interaction.followup.send(embed=embed, view=Ask())


bot.run(os.environ["DISCORD_TOKEN"])
