//! Private keys, and how much work one may ask for before it opens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dlcs_core::origin::{OriginError, Result, Secret};
use russh::keys::ssh_key::Kdf;
use russh::keys::{PrivateKey, decode_secret_key};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::session::Waits;

/// Keys that are opened at once: each takes a processor, for seconds at the worst.
static OPENING: Semaphore = Semaphore::const_new(2);

/// The most rounds of bcrypt, of which `ssh-keygen` takes 16 to 24 by itself.
const BCRYPT_ROUNDS: u32 = 1024;
/// The most rounds of PBKDF2.
const PBKDF2_ROUNDS: u64 = 2_000_000;
/// The most work of scrypt, N·r·p; it takes 128 bytes of memory for each.
const SCRYPT_WORK: u64 = 1 << 20;
/// The most memory of Argon2, in KiB.
const ARGON2_MEMORY: u64 = 64 << 10;
/// The most memory that Argon2 goes over, in KiB, all passes together.
const ARGON2_WORK: u64 = 1 << 20;

/// What begins a key as OpenSSH writes it.
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";
/// The object identifier of scrypt (RFC 7914 section 7), as DER.
const SCRYPT: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";
/// The first lines of those kinds of keys that are read.
const ARMOURS: [&str; 5] = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
];

/// Reads a private key; to open an encrypted one takes a while, as is meant.
///
/// # Errors
/// When it cannot be read, or takes more work than one key may; when there is no time left for it.
pub(super) async fn read_key(
    key: Secret,
    passphrase: Option<Secret>,
    waits: Waits,
) -> Result<PrivateKey> {
    let read = async {
        // Work that has begun cannot be cut short: it keeps its place when nobody waits any more.
        let place = OPENING.acquire().await;
        let work = spawn_blocking(move || {
            let _place = place;
            open(key.expose(), passphrase.as_ref().map(Secret::expose))
        });
        // A strange key may panic the library, which is the key's fault.
        work.await.unwrap_or(Err(Fault::Unreadable))
    };
    let read = waits.deadline.wait(waits.patience, read).await?;
    read.map_err(|fault| OriginError::Strategy {
        reason: fault.reason(),
    })
}

/// Why a key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Unreadable,
    /// With the passphrase that was given.
    Locked,
    /// So many rounds of bcrypt.
    Rounds(u32),
    /// Another way to take too long.
    Work,
}

impl Fault {
    fn reason(self) -> String {
        match self {
            Self::Unreadable => "its private key cannot be read; give it as OpenSSH or PEM writes it, and, where it is encrypted, its passphrase".to_owned(),
            Self::Locked => "its private key cannot be read with its passphrase".to_owned(),
            Self::Rounds(rounds) => format!(
                "its private key is encrypted with {rounds} rounds, and {BCRYPT_ROUNDS} are the most: encrypt it anew with `ssh-keygen -p -a 100 -f KEY`, and give that"
            ),
            Self::Work => "its private key takes too long to decrypt: encrypt it anew with `ssh-keygen -p -a 100 -f KEY`, and give that".to_owned(),
        }
    }
}

fn open(key: &str, passphrase: Option<&str>) -> Result<PrivateKey, Fault> {
    // Without a passphrase nothing is decrypted.
    if passphrase.is_some() {
        check_work(key)?;
    }
    decode_secret_key(key, passphrase).map_err(|_| match passphrase {
        Some(_) => Fault::Locked,
        None => Fault::Unreadable,
    })
}

/// Refuses a key that asks for too much work, in whichever of the ways that [`decode_secret_key`] knows; what that cannot read passes.
fn check_work(key: &str) -> Result<(), Fault> {
    if key.trim().starts_with("PuTTY-User-Key-File-") {
        return check_putty(key);
    }
    let bytes = STANDARD.decode(armoured(key)).map_err(|_| Fault::Locked)?;
    if !bytes.starts_with(OPENSSH_MAGIC) {
        return check_pkcs8(&bytes);
    }
    match PrivateKey::from_bytes(&bytes).as_ref().map(PrivateKey::kdf) {
        Ok(Kdf::Bcrypt { rounds, .. }) if *rounds > BCRYPT_ROUNDS => Err(Fault::Rounds(*rounds)),
        _ => Ok(()),
    }
}

/// The base64 of a key: exactly what the library takes for it.
fn armoured(key: &str) -> String {
    let (mut base64, mut is_begun) = (String::new(), false);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "/+=".contains(c);
    for line in key.lines() {
        if is_begun && line.starts_with("-----END ") {
            break;
        }
        if is_begun && line.chars().all(is_base64) {
            base64.push_str(line);
        }
        is_begun |= ARMOURS.contains(&line);
    }
    base64
}

fn check_putty(key: &str) -> Result<(), Fault> {
    let most = |name: &str| {
        let values = key.lines().filter_map(|line| line.strip_prefix(name));
        values.filter_map(|value| value.parse::<u32>().ok()).max()
    };
    let memory = most("Argon2-Memory: ").map_or(0, u64::from);
    let passes = most("Argon2-Passes: ").map_or(0, u64::from);
    if memory > ARGON2_MEMORY || memory * passes > ARGON2_WORK {
        return Err(Fault::Work);
    }
    Ok(())
}

/// Looks at the algorithm of an encrypted key (RFC 5958 section 3): its numbers are those of the work.
fn check_pkcs8(key: &[u8]) -> Result<(), Fault> {
    let Some((SEQUENCE, whole, _)) = element(key) else {
        return Ok(());
    };
    let Some((SEQUENCE, algorithm, _)) = element(whole) else {
        return Ok(());
    };
    let (mut numbers, mut is_scrypt) = (Vec::new(), false);
    let mut left = vec![algorithm];
    while let Some(rest) = left.pop() {
        let Some((tag, value, rest)) = element(rest) else {
            continue;
        };
        left.push(rest);
        match tag {
            SEQUENCE => left.push(value),
            INTEGER => numbers.push(number(value)),
            IDENTIFIER => is_scrypt |= value == SCRYPT,
            _ => {}
        }
    }
    let work = if is_scrypt {
        numbers.iter().take(3).copied().fold(1, u64::saturating_mul)
    } else {
        numbers.first().copied().unwrap_or(0)
    };
    let most = if is_scrypt {
        SCRYPT_WORK
    } else {
        PBKDF2_ROUNDS
    };
    if work > most {
        return Err(Fault::Work);
    }
    Ok(())
}

const INTEGER: u8 = 2;
const IDENTIFIER: u8 = 6;
const SEQUENCE: u8 = 0x30;

/// The first element of DER: its tag, its value, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match length {
        0..0x80 => (usize::from(length), rest),
        _ => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (usize::try_from(number(length)).ok()?, rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// A number in bytes; the largest one for what does not fit.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().copied();
    bytes.fold(0, |number: u64, byte| {
        number.saturating_mul(256).saturating_add(u64::from(byte))
    })
}

#[cfg(test)]
mod tests {
    use russh::keys::ssh_key::Cipher;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    use super::*;

    const SALT: [u8; 16] = *b"salt of the test";

    /// A key that was encrypted with 4 rounds and says that it was with others.
    fn locked(rounds: u32) -> String {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let kdf = Kdf::Bcrypt {
            salt: SALT.to_vec(),
            rounds: 4,
        };
        let key = key
            .encrypt_with(Cipher::Aes256Ctr, kdf, 7, "phrase")
            .unwrap();
        let mut bytes = key.to_bytes().unwrap().to_vec();
        let salt = bytes.windows(16).position(|window| window == SALT);
        let at = salt.unwrap() + 16;
        assert_eq!(bytes[at..at + 4], 4_u32.to_be_bytes());
        bytes[at..at + 4].copy_from_slice(&rounds.to_be_bytes());
        armour("OPENSSH PRIVATE KEY", &bytes)
    }

    fn armour(label: &str, bytes: &[u8]) -> String {
        let base64 = STANDARD.encode(bytes);
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    #[test]
    fn keys_of_too_many_rounds_are_refused_before_they_are_tried() {
        assert!(open(&locked(4), Some("phrase")).is_ok());
        for rounds in [1025, 0xffff_ffff] {
            let fault = open(&locked(rounds), Some("phrase")).unwrap_err();
            assert_eq!(fault, Fault::Rounds(rounds));
        }
        assert_eq!(check_work(&locked(1024)), Ok(()));
        let reason = Fault::Rounds(0xffff_ffff).reason();
        assert!(reason.contains("4294967295 rounds"), "{reason}");
        assert!(reason.contains("ssh-keygen -p -a 100"), "{reason}");
        // Nothing is tried without a passphrase.
        let fault = open(&locked(0xffff_ffff), None).unwrap_err();
        assert_eq!(fault, Fault::Unreadable);
    }

    #[test]
    fn no_way_to_write_a_key_leads_around_that() {
        let hard = locked(0xffff_ffff);
        let refused = Err(Fault::Rounds(0xffff_ffff));
        let folded = hard.replace("b3Blb", "b3\nBl\n\nb");
        assert_ne!(folded, hard);
        for text in [
            folded,
            hard.replace('\n', "\r\n"),
            format!("-----BEGIN RSA PRIVATE KEY-----\n{hard}"),
            hard.replace(
                " KEY-----\n",
                " KEY-----\n-----BEGIN OPENSSH PRIVATE KEY-----\n",
            ),
            format!("said before\nb3Bl\n{hard}"),
        ] {
            assert_eq!(check_work(&text), refused, "{text}");
        }
        // Two texts of base64 one behind the other, which some decoders take for one.
        let twice = hard.replace("b3Blb", "b3A=\nZW");
        assert_eq!(check_work(&twice), Err(Fault::Locked));
    }

    #[test]
    fn other_kinds_of_keys_have_bounds_too() {
        fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
            let value = parts.concat();
            let length = u8::try_from(value.len()).unwrap();
            [&[tag, 0x81, length][..], &value].concat()
        }
        let int = |number: u32| der(INTEGER, &[&number.to_be_bytes()]);
        let pkcs8 = |kdf: &[u8], numbers: &[Vec<u8>]| {
            let salt = der(4, &[b"salt"]);
            let mut parameters: Vec<&[u8]> = vec![&salt];
            parameters.extend(numbers.iter().map(Vec::as_slice));
            let parameters = der(SEQUENCE, &parameters);
            let kdf = der(SEQUENCE, &[&der(IDENTIFIER, &[kdf]), &parameters]);
            let scheme = der(SEQUENCE, &[&der(IDENTIFIER, &[b"aes"]), &der(4, &[b"iv"])]);
            let algorithm = der(
                SEQUENCE,
                &[
                    &der(IDENTIFIER, &[b"pbes2"]),
                    &der(SEQUENCE, &[&kdf, &scheme]),
                ],
            );
            let key = der(SEQUENCE, &[&algorithm, &der(4, &[b"key"])]);
            check_work(&armour("ENCRYPTED PRIVATE KEY", &key))
        };
        assert_eq!(pkcs8(b"pbkdf2", &[int(2_000_000), int(32)]), Ok(()));
        assert_eq!(pkcs8(b"pbkdf2", &[int(2_000_001)]), Err(Fault::Work));
        assert_eq!(
            pkcs8(SCRYPT, &[int(1 << 14), int(8), int(1), int(32)]),
            Ok(())
        );
        let heavy = [int(1 << 14), int(8), int(9)];
        assert_eq!(pkcs8(SCRYPT, &heavy), Err(Fault::Work));
        let putty = |memory: &str, passes: &str| {
            check_work(&format!(
                "PuTTY-User-Key-File-3: ssh-ed25519\nArgon2-Memory: {memory}\nArgon2-Passes: {passes}\nArgon2-Memory: 8"
            ))
        };
        assert_eq!(putty("8192", "34"), Ok(()));
        assert_eq!(putty("65537", "1"), Err(Fault::Work));
        assert_eq!(putty("8", "4294967295"), Err(Fault::Work));
    }
}
