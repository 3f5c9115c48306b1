//! The slash commands as they are registered in the guild.
