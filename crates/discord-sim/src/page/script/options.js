// Types and limits of slash command options, with the error messages of Discord's client.

const SUBCOMMAND = 1;
const GROUP = 2;
const INTEGER = 4;
const BOOLEAN = 5;
const USER = 6;
const CHANNEL = 7;
const ROLE = 8;
const MENTIONABLE = 9;
const NUMBER = 10;

const WRONG = {
  [INTEGER]: "Input a valid integer.",
  [BOOLEAN]: "Choose either true or false.",
  [USER]: "Input a valid user.",
  [CHANNEL]: "Input a valid channel.",
  [ROLE]: "Input a valid role.",
  [MENTIONABLE]: "Input a valid user or role.",
  [NUMBER]: "Input a valid number.",
};

// Selectable commands: one entry for each command, or for each of its subcommands.
export function entries(commands) {
  return commands.flatMap((command) => leaves(command, command.name));
}

function leaves({ description, options = [] }, name) {
  const isNested = options.some(({ type }) => type === SUBCOMMAND || type === GROUP);
  if (isNested) return options.flatMap((option) => leaves(option, `${name} ${option.name}`));
  return [{ name, description, options }];
}

// The fixed values of an option, or null if anything may be typed.
export function fixedChoices(option, world) {
  if (option.choices) return option.choices.map(({ name, value }) => ({ label: name, value }));
  const people = world.members.map(({ id, name }) => ({ label: name, value: id }));
  const roles = world.roles.map(({ id, name }) => ({ label: name, value: id }));
  const channels = world.channels.map(({ id, name }) => ({ label: name, value: id }));
  const truths = [true, false].map((value) => ({ label: value ? "True" : "False", value }));
  const byType = {
    [BOOLEAN]: truths,
    [USER]: people,
    [CHANNEL]: channels,
    [ROLE]: roles,
    [MENTIONABLE]: [...people, ...roles],
  };
  return byType[option.type] ?? null;
}

// Parses the text typed for an option: `{ value }`, or `{ fault }` with an error message.
export function read(option, typed, world) {
  const text = typed.trim();
  if (text === "") return option.required ? { fault: "This option is required. Specify a value." } : {};
  const fixed = fixedChoices(option, world);
  if (fixed) {
    const same = ({ label, value }) =>
      label.toLowerCase() === text.toLowerCase().replace(/^[@#]/, "") || String(value) === text;
    const choice = fixed.find(same);
    return choice
      ? { value: choice.value }
      : { fault: WRONG[option.choices ? undefined : option.type] ?? "Choose a valid option." };
  }
  if (option.type === INTEGER || option.type === NUMBER) return readNumber(option, text);
  return readText(option, text);
}

function readNumber(option, text) {
  const shape = option.type === INTEGER ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const value = Number(text);
  const isExact = option.type !== INTEGER || Number.isSafeInteger(value);
  if (!shape.test(text) || !isExact) return { fault: WRONG[option.type] };
  if (value < option.min_value)
    return { fault: `Input a value greater than or equal to ${option.min_value}.` };
  if (value > option.max_value) return { fault: `Input a value less than or equal to ${option.max_value}.` };
  return { value };
}

function readText(option, text) {
  const length = [...text].length;
  if (length < option.min_length) return { fault: `Must be ${option.min_length} or more in length.` };
  if (length > (option.max_length ?? 6000))
    return { fault: `Must be ${option.max_length ?? 6000} or fewer in length.` };
  return { value: text };
}
