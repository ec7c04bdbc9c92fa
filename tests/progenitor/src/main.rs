//! A client that progenitor generates from a site's OpenAPI 3.0 document, used as its user would: `client ADDRESS`.

progenitor::generate_api!("document.json");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("client ADDRESS")?;
    let client = Client::new(&address);
    let name = "Amy".try_into()?;
    let answer = client.run_hello_name_sif(Some(10), None, Some(&name), None).await?.into_inner();
    println!("{}", serde_json::Value::from(answer));
    let images = client.list(None, None).await?.into_inner().images;
    println!("{} images, of which the first is {}", images.len(), images.first().ok_or("none")?.name);
    Ok(())
}
