fn main() {
    println!("omk");
}
