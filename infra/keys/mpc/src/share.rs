//! A share of a key: a handle whose secret is wiped when the last holder lets go, and which leaves only sealed.

use std::sync::Arc;

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use dkls23_secp256k1::{Party, compute_eth_address};
use k256::elliptic_curve::sec1::ToSec1Point;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::Failure;
use crate::session::Told;
use crate::wire;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const DOMAIN: &[u8] = b"proofdesk/share/v1";

/// A cosigner's share of a threshold key. It has no bytes but sealed ones, and cannot be pickled or copied.
#[pyclass(frozen, module = "proofdesk_mpc")]
pub struct Share {
    /// Wipes itself when dropped.
    pub party: Arc<Party>,
}

impl From<Party> for Share {
    fn from(party: Party) -> Self {
        Self { party: Arc::new(party) }
    }
}

impl Told for Arc<Party> {
    fn told(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Share { party: self.clone() }.into_pyobject(py)?.into_any().unbind())
    }
}

#[pymethods]
impl Share {
    /// The key's public half, uncompressed: 65 bytes.
    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.party.pk.to_sec1_point(false).as_bytes())
    }

    /// The key's checksummed Ethereum address.
    #[getter]
    fn address(&self) -> String {
        compute_eth_address(&self.party.pk)
    }

    /// Which share this is, from 1.
    #[getter]
    fn party(&self) -> u8 {
        self.party.party_index.as_u8()
    }

    /// How many shares sign.
    #[getter]
    fn threshold(&self) -> u8 {
        self.party.parameters.threshold
    }

    /// How many shares there are.
    #[getter]
    fn parties(&self) -> u8 {
        self.party.parameters.share_count
    }

    /// The share under ChaCha20-Poly1305 (RFC 8439) with `key`, which seals nothing else.
    fn sealed<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let cipher = cipher(key)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)
            .map_err(|failure| Failure::Misuse(format!("the machine gives no randomness: {failure}")))?;
        let mut content = wire::to_bytes(&[], &*self.party);
        let tag = cipher
            .encrypt_in_place_detached(Nonce::from_slice(&nonce), DOMAIN, &mut content)
            .map_err(|_| Failure::Misuse("the share is too long to seal".into()))?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&content);
        sealed.extend_from_slice(&tag);
        Ok(PyBytes::new(py, &sealed))
    }

    /// The share that `sealed` was made of under `key`.
    #[staticmethod]
    fn opened(key: &[u8], sealed: &[u8]) -> PyResult<Self> {
        let cipher = cipher(key)?;
        let refused = || Failure::Aborted {
            reason: "it was not sealed under this key, or was changed since".into(),
            banned: None,
            blamed: None,
            unfit: true,
        };
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(refused().into()) };
        if rest.len() < NONCE_BYTES + TAG_BYTES {
            return Err(refused().into());
        }
        let (nonce, rest) = rest.split_at(NONCE_BYTES);
        let (content, tag) = rest.split_at(rest.len() - TAG_BYTES);
        let mut content = zeroize::Zeroizing::new(content.to_vec());
        cipher
            .decrypt_in_place_detached(Nonce::from_slice(nonce), DOMAIN, &mut content, Tag::from_slice(tag))
            .map_err(|_| refused())?;
        match postcard::take_from_bytes::<Party>(&content) {
            Ok((party, [])) => Ok(party.into()),
            _ => Err(refused().into()),
        }
    }

    fn __repr__(&self) -> String {
        format!("<share {} of {}>", self.party(), self.address())
    }
}

fn cipher(key: &[u8]) -> Result<ChaCha20Poly1305, Failure> {
    if key.len() != KEY_BYTES {
        return Err(Failure::Misuse(format!("a sealing key has {KEY_BYTES} bytes, this has {}", key.len())));
    }
    Ok(ChaCha20Poly1305::new(key.into()))
}
