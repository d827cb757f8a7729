//! The presets, a row each: arguments, variables and protocol, with the reason where it is not plain.

use super::{Default, Dropped, Once, Preset, Setting};
use crate::Protocol;
use crate::known::{self, Known};

/// A program of which nothing more is known than that it takes a text and prints its answer.
const fn plain(known: &'static Known) -> Preset {
    Preset {
        known,
        protocol: Protocol::Text,
        prefix_line: None,
        args: &[],
        defaults: &[],
        dropped: &[],
        settings: &[],
        last: &[],
        conversation: None,
        asking: &[],
        once: None,
        env_pass: &[],
        env_pass_with: &[],
        env_set: &[],
    }
}

pub(super) const CLAUDE: Preset = Preset {
    protocol: Protocol::Claude,
    args: &[
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
    ],
    defaults: &[
        // What is not allowed beforehand is asked, on standard output; nobody sits at the terminal.
        Default {
            args: &["--permission-prompt-tool", "stdio"],
            unless: &["--permission-prompts", "--permission-prompt-tool"],
        },
        // What a run leaves in the project can not be configuration for the next one.
        Default { args: &["--setting-sources", "user"], unless: &["--setting-sources"] },
    ],
    dropped: &[
        Dropped { option: "-p", has_value: false },
        Dropped { option: "--print", has_value: false },
        Dropped { option: "--verbose", has_value: false },
        Dropped { option: "--input-format", has_value: true },
        Dropped { option: "--output-format", has_value: true },
    ],
    conversation: Some(&[
        "--session-id",
        "--resume",
        "-r",
        "--continue",
        "-c",
        "--fork-session",
        "--no-session-persistence",
    ]),
    env_pass: &[
        "ANTHROPIC_*",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_*",
        "CLAUDE_CODE_SKIP_*",
        "CLAUDE_CODE_MAX_*",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB",
        "API_TIMEOUT_MS",
    ],
    env_pass_with: &[
        ("CLAUDE_CODE_USE_BEDROCK", &["AWS_*"]),
        ("CLAUDE_CODE_USE_VERTEX", &["GOOGLE_*", "CLOUD_ML_REGION", "VERTEX_REGION_*"]),
    ],
    env_set: &[("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("DISABLE_AUTOUPDATER", "1")],
    ..plain(&known::CLAUDE)
};

pub(super) const CODEX: Preset = Preset {
    protocol: Protocol::Codex,
    args: &["app-server"],
    defaults: &[],
    settings: &[
        Setting { options: &["-m", "--model"], key: "model" },
        Setting { options: &["-s", "--sandbox"], key: "sandbox_mode" },
    ],
    last: &[],
    asking: &["-s", "--sandbox", "sandbox_mode", "approval_policy"],
    once: Some(Once {
        options: &[
            "--full-auto",
            "--dangerously-bypass-approvals-and-sandbox",
            "--yolo",
            "-p",
            "--profile",
            "-C",
            "--cd",
            "--add-dir",
            "-i",
            "--image",
            "--oss",
            "--local-provider",
            "--output-schema",
            "-o",
            "--output-last-message",
            "--json",
            "--ephemeral",
            "--ignore-user-config",
            "--ignore-rules",
            "--skip-git-repo-check",
            "--color",
        ],
        preset: &CODEX_ONCE,
    }),
    ..CODEX_ONCE
};

const CODEX_ONCE: Preset = Preset {
    args: &["exec", "--skip-git-repo-check", "--color", "never"],
    defaults: &[Default {
        args: &["--sandbox", "read-only"],
        unless: &[
            "-s",
            "--sandbox",
            "--full-auto",
            "--dangerously-bypass-approvals-and-sandbox",
            "--yolo",
            "-p",
            "--profile",
        ],
    }],
    // The text stands on standard input.
    last: &["-"],
    env_pass: &["CODEX_HOME", "CODEX_API_KEY", "OPENAI_*"],
    ..plain(&known::CODEX)
};

pub(super) const GEMINI: Preset = Preset {
    protocol: Protocol::Acp,
    args: &["--acp"],
    dropped: &[
        Dropped { option: "--acp", has_value: false },
        Dropped { option: "--experimental-acp", has_value: false },
    ],
    asking: &["--approval-mode", "-y", "--yolo"],
    once: Some(Once {
        options: &["-p", "--prompt", "-i", "--prompt-interactive", "-o", "--output-format", "-r", "--resume"],
        preset: &GEMINI_ONCE,
    }),
    ..GEMINI_ONCE
};

const GEMINI_ONCE: Preset = Preset {
    args: &["--output-format", "text"],
    env_pass: &["GEMINI_*", "GOOGLE_*", "CLOUDSDK_*"],
    env_set: &[
        // Without a terminal it refuses a folder that nobody has declared trusted.
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
        // It would start itself again, and the copy would not hear our signals.
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ],
    ..plain(&known::GEMINI)
};

pub(super) const OPENCODE: Preset = Preset {
    protocol: Protocol::Acp,
    args: &["acp"],
    once: Some(Once {
        options: &[
            "-m",
            "--model",
            "--variant",
            "--agent",
            "--command",
            "-f",
            "--file",
            "--format",
            "-c",
            "--continue",
            "-s",
            "--session",
            "--fork",
            "--title",
            "--share",
            "--thinking",
            "--attach",
            "--dir",
            "--auto",
        ],
        preset: &OPENCODE_ONCE,
    }),
    ..OPENCODE_ONCE
};

const OPENCODE_ONCE: Preset = Preset {
    args: &["run"],
    env_pass: &[
        "OPENCODE_*",
        "ANTHROPIC_*",
        "OPENAI_*",
        "GEMINI_API_KEY",
        "GOOGLE_GENERATIVE_AI_API_KEY",
        "OPENROUTER_API_KEY",
    ],
    env_set: &[
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        // What a run leaves in the project can not be configuration for the next one.
        ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
        // It would run commands and write files unasked; where nobody can be asked, `ask` means no.
        ("OPENCODE_PERMISSION", r#"{"bash":"ask","edit":"ask"}"#),
    ],
    ..plain(&known::OPENCODE)
};

pub(super) const QWEN: Preset = Preset {
    protocol: Protocol::Acp,
    args: &["--acp"],
    dropped: &[Dropped { option: "--acp", has_value: false }],
    asking: &["--approval-mode", "-y", "--yolo"],
    once: Some(Once {
        options: &[
            "-p",
            "--prompt",
            "-i",
            "--prompt-interactive",
            "-o",
            "--output-format",
            "--input-format",
            "--json-schema",
            "-c",
            "--continue",
            "-r",
            "--resume",
            "--session-id",
        ],
        preset: &QWEN_ONCE,
    }),
    ..QWEN_ONCE
};

const QWEN_ONCE: Preset = Preset {
    // It takes a text that begins with a slash for a command.
    prefix_line: Some("Message:"),
    args: &["--output-format", "text"],
    defaults: &[Default { args: &["--approval-mode", "default"], unless: &["--approval-mode", "-y", "--yolo"] }],
    env_pass: &["QWEN_*", "OPENAI_*", "DASHSCOPE_*", "BAILIAN_*"],
    ..plain(&known::QWEN)
};
