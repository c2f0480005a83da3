//! The API's address from the outputs of a CloudFormation stack.

use super::keys::Signer;
use super::trouble::{NotAnswered, Trouble};
use crate::aws::{Account, outputs};

/// As `template.yaml` and `adopt.yaml` call it.
pub(crate) const OUTPUT: &str = "ApiAddress";

/// With the signer back, because the API is asked with the same credentials.
pub(super) async fn api_address(
    signer: Signer,
    stack: &str,
    verbose: bool,
) -> Result<(String, Signer), Trouble> {
    let account = Account::of(signer, verbose)?;
    let region = account.region().to_owned();
    let not_said = |why: String| Trouble::Stack { stack: stack.to_owned(), region, why };
    let described = match account.described_stack(stack).await {
        Ok(described) => described,
        Err(refusal) if (400..=499).contains(&refusal.status) => return Err(not_said(refusal.message)),
        Err(refusal) => {
            let url = format!("CloudFormation in {}", account.region());
            return Err(NotAnswered { url, why: refusal.to_string() }.into());
        }
    };
    let found = outputs(&described).into_iter().find(|(key, _)| key == OUTPUT);
    let (_, address) = found.ok_or_else(|| not_said(format!("it has no output {OUTPUT}")))?;
    Ok((address, account.into_signer()))
}
