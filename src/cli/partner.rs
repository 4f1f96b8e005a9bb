//! placeholder
#[derive(Debug, clap::Subcommand)]
/// x
pub enum PartnerCommand {
    /// x
    X,
}
/// x
pub async fn run(
    _command: PartnerCommand,
    _desk: &crate::desk::Desk,
    _out: &mut (dyn std::io::Write + Send),
) -> Result<(), super::CliError> {
    Ok(())
}
