//! Makes the stubs from `proto/`, with a protoc that is a crate.

// docs:stubs
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let mut protoc = tonic_prost_build::Config::new();
    protoc.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_with_config(
            protoc,
            &[
                "../../proto/codeset/v1/session_service.proto",
                "../../proto/codeset/v1/verification_service.proto",
            ],
            &["../../proto"],
        )?;
    Ok(())
}
// docs:end
