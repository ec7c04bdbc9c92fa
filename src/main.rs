//! Which wire or which command; hands over; nothing else.
//!
//! `GATEWAY_INTERFACE` set: CGI. A listening socket on descriptor 0 or by
//! socket activation: FastCGI. Else a person: a command.

use std::process::ExitCode;

use singularity_nginx::app::Site;
use singularity_nginx::cli;
use singularity_nginx::config::Config;
use singularity_nginx::run;
use singularity_nginx::service::Service;
use singularity_nginx::wire::{cgi, fastcgi};

fn main() -> ExitCode {
    run::set_close_on_exec();
    run::hear_signals();
    run::outlive_full_files();
    if cgi::called() {
        match cli::allowed(Config::load(None)) {
            Ok(config) => cgi::serve(&Site::new(Service::new(config))),
            Err(reason) => cgi::misconfigured(&reason),
        }
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().len() == 1 && fastcgi::called() {
        return cli::serve(None, &fastcgi::Listen::Inherited);
    }
    cli::main(std::env::args_os().skip(1))
}
