//! The sources of secrets, and that secrets are never shown.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use insta::assert_snapshot;
use killgate::config::Settings;
use killgate::config::secret::SecretError;
use secrecy::{ExposeSecret, SecretString};

use crate::example::{ConfigFolder, MINIMAL, TOKEN, fault};

const WITHOUT_TOKEN: (&str, &str) = ("token_file = \"token\"", "");

fn target_with(folder: &ConfigFolder, keys: &str) -> Result<Settings, String> {
    folder.load(&format!("{MINIMAL}\n{keys}"))
}

fn read_password(settings: &Settings) -> Result<Option<SecretString>, SecretError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(settings.targets[0].connection.password.read())
}

fn password(settings: &Settings) -> Option<String> {
    let password = read_password(settings).expect("a readable secret");
    password.map(|password| password.expose_secret().to_owned())
}

#[test]
fn the_token_is_read_from_its_file_or_else_from_the_environment() {
    let mut folder = ConfigFolder::new();
    let without = MINIMAL.replace(WITHOUT_TOKEN.0, WITHOUT_TOKEN.1);
    assert_snapshot!(fault(folder.load(&without)), @"2:2: [discord] token_file: there is no token; allowed: token_file, or the environment variable DISCORD_TOKEN");
    folder.variables = vec![("DISCORD_TOKEN", " from-the-environment\n")];
    let token = |toml: &str| folder.load(toml).expect("settings").discord.token.expose_secret().to_owned();
    assert_eq!(token(&without), "from-the-environment");
    assert_eq!(token(MINIMAL), TOKEN, "the file goes first");
    folder.variables = vec![("DISCORD_TOKEN", " ")];
    assert_snapshot!(fault(folder.load(&without)), @"2:2: [discord] token_file: DISCORD_TOKEN is empty; allowed: token_file, or the environment variable DISCORD_TOKEN");
    folder.write("token", "Bot abc");
    assert_snapshot!(fault(folder.load(MINIMAL)), @r#"5:14: [discord] token_file: the token has white space or other characters that a token cannot have; allowed: the token alone, without "Bot " before it"#);
}

#[test]
fn secret_files_must_exist_and_not_be_empty() {
    let folder = ConfigFolder::new();
    fs::create_dir(folder.path("folder")).expect("a folder");
    fs::write(folder.path("binary"), [0xff]).expect("a file");
    folder.write("empty", "\n");
    folder.write("large", &"x".repeat(70_000));
    let file = |name: &str| fault(target_with(&folder, &format!("password_file = '{name}'")));
    assert_snapshot!(file("./nowhere"), @r#"15:17: [[target]] "orders" password_file: cannot read the secret file ./nowhere: No such file or directory (os error 2); allowed: the path of a file, from the folder of this one"#);
    assert_snapshot!(file("empty"), @r#"15:17: [[target]] "orders" password_file: the secret file empty is empty; allowed: the path of a file, from the folder of this one"#);
    assert_snapshot!(file("binary"), @r#"15:17: [[target]] "orders" password_file: the secret file binary is not UTF-8 text; allowed: the path of a file, from the folder of this one"#);
    assert_snapshot!(file("large"), @r#"15:17: [[target]] "orders" password_file: the secret file large is larger than 65536 bytes; allowed: the path of a file, from the folder of this one"#);
    assert_snapshot!(file("~/password"), @r#"15:17: [[target]] "orders" password_file: ~ is not expanded; write the whole path; allowed: the path of a file, from the folder of this one"#);
    assert_snapshot!(file(""), @r#"15:17: [[target]] "orders" password_file: the path is empty; allowed: the path of a file, from the folder of this one"#);
    let of_systemd = file("/run/credentials/no-such.service/password");
    assert!(of_systemd.contains("only while the service runs"), "{of_systemd}");
    assert_snapshot!(file("folder"), @r#"15:17: [[target]] "orders" password_file: cannot read the secret file of this name in the folder FOLDER: Is a directory (os error 21); allowed: the path of a file, from the folder of this one"#);
}

#[test]
fn a_password_file_is_read_every_time() {
    let folder = ConfigFolder::new();
    folder.write("password", "first\r\n");
    let settings = target_with(&folder, "password_file = 'password'").expect("settings");
    assert_eq!(password(&settings).as_deref(), Some("first"));
    folder.write("password", " second \n");
    assert_eq!(password(&settings).as_deref(), Some(" second "), "only the line end goes");
    let parameters = settings.targets[0].connection.parameters();
    assert_eq!(parameters.get_password(), None, "a password is not kept");
    fs::remove_file(folder.path("password")).expect("removed");
    let error = read_password(&settings).expect_err("gone").to_string();
    assert!(error.starts_with("cannot read the secret file /") && error.contains("No such file"), "{error}");
}

#[test]
fn a_password_file_that_cannot_be_read_yet_blocks_nothing_else() {
    let folder = ConfigFolder::new();
    folder.write("password", "first");
    let settings = target_with(&folder, "password_file = 'password'").expect("settings");
    fs::remove_file(folder.path("password")).expect("removed");
    let pipe = Command::new("mkfifo").arg(folder.path("password")).status().expect("mkfifo runs");
    assert!(pipe.success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            read = settings.targets[0].connection.password.read() => panic!("nobody writes to it: {read:?}"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    });
    // The thread that reads it waits for a writer.
    runtime.shutdown_background();
}

#[test]
fn a_secret_mounted_by_kubernetes_may_be_replaced_through_its_symlinks() {
    let folder = ConfigFolder::new();
    for (version, secret) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(folder.path(version)).expect("a folder");
        folder.write(&format!("{version}/password"), secret);
    }
    symlink("..1", folder.path("..data")).expect("a link");
    symlink("..data/password", folder.path("password")).expect("a link");
    let settings = target_with(&folder, "password_file = 'password'").expect("settings");
    assert_eq!(password(&settings).as_deref(), Some("first"));
    symlink("..2", folder.path("..data_tmp")).expect("a link");
    fs::rename(folder.path("..data_tmp"), folder.path("..data")).expect("exchanged in one step");
    fs::remove_dir_all(folder.path("..1")).expect("removed");
    assert_eq!(password(&settings).as_deref(), Some("second"));
}

#[test]
fn a_password_has_exactly_one_source() {
    let mut folder = ConfigFolder::new();
    folder.variables = vec![("PW", "from-the-environment"), ("EMPTY", "")];
    let in_url = MINIMAL.replace("killgate@db1", "killgate:p%40ss@db1");
    let load = |toml: String| folder.load(&toml);
    assert_eq!(password(&load(MINIMAL.to_owned()).expect("settings")), None);
    assert_eq!(password(&load(in_url.clone()).expect("settings")).as_deref(), Some("p@ss"));
    let from_environment = load(format!("{MINIMAL}password_env = 'PW'")).expect("settings");
    assert_eq!(password(&from_environment).as_deref(), Some("from-the-environment"));
    assert_snapshot!(fault(load(format!("{MINIMAL}password_env = 'EMPTY'"))), @r#"14:16: [[target]] "orders" password_env: the environment variable is empty; allowed: the name of an environment variable"#);
    assert_snapshot!(fault(load(format!("{MINIMAL}password_env = 'NOWHERE'"))), @r#"14:16: [[target]] "orders" password_env: the environment has no variable of this name; allowed: the name of an environment variable"#);
    assert_snapshot!(fault(load(format!("{MINIMAL}password_env = 'PW'\npassword_file = 'token'"))), @r#"15:17: [[target]] "orders" password_file: the password comes from more than one place; allowed: one of password_file, password_env, password_command, a password in the url"#);
    assert_snapshot!(fault(load(format!("{in_url}password_env = 'PW'"))), @r#"14:16: [[target]] "orders" password_env: the password comes from more than one place; allowed: one of password_file, password_env, password_command, a password in the url"#);
}

#[test]
fn debug_shows_no_secret() {
    let mut folder = ConfigFolder::new();
    folder.variables = vec![("PW", "hunter3")];
    let toml = format!(
        "{}\n[[target]]\nname = 'b'\nurl = 'postgresql://k@b/x'\npassword_env = 'PW'\n\
         [ledger]\nurl = 'postgresql://k@l/x?password=hunter4'",
        MINIMAL.replace("killgate@", "killgate:hunter2@")
    );
    let shown = format!("{:#?}", folder.load(&toml).expect("settings"));
    for secret in [TOKEN, "hunter2", "hunter3", "hunter4"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    for toml in [
        MINIMAL.replace("\"token\"", "\"hunter2\""),
        MINIMAL.replace("token_file", "token = 'hunter2'\ntoken_file"),
        format!("{MINIMAL}password_file = 'hunter2'"),
        format!("{MINIMAL}password_env = 'hunter2'"),
        format!("{MINIMAL}password = 'hunter2'"),
        format!("{MINIMAL}password_env = ['hunter2']"),
        MINIMAL.replace("postgresql://killgate@", "postgresq://killgate:hunter2@"),
        format!("{MINIMAL}password_file = 'hunter2"),
        format!("{MINIMAL}password_file = 'kX/hunter2/9w=='"),
        format!("{MINIMAL}pass = 'hunter2'"),
        MINIMAL.replace("[[target]]", "target = [{ url = 'postgresql://a:hunter2@b', x = 1 }]\n[[targe]]"),
    ] {
        let text = ConfigFolder::new().load(&toml).expect_err("a fault");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
