//! Small projects of each kind, and the manifest that each gets.

use std::fs;

use sketch::{Sketch, draw};
use tempfile::TempDir;

/// Writes the files of a project into a directory that is called `shop`.
fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("shop")).expect("made");
    for (path, text) in files {
        let path = directory.path().join("shop").join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn sketch(files: &[(&str, &str)]) -> Sketch {
    let directory = project(files);
    draw(&directory.path().join("shop"), &[]).expect("readable")
}

fn manifest(files: &[(&str, &str)]) -> String {
    let directory = project(files);
    let text = draw(&directory.path().join("shop"), &[]).expect("readable").manifest();
    assert!(text.starts_with("name: shop\n"), "{text}");
    text
}

#[test]
fn nothing_gives_a_name_and_an_example() {
    let sketch = sketch(&[("README.md", "# Shop\n")]);
    assert!(sketch.found.is_empty());
    assert_eq!(sketch.left, ["which programs are run: `services` of seedbed.yaml says it"]);
    assert!(sketch.manifest().contains("# services:"));
}

#[test]
fn compose_files_and_procfiles_are_taken_as_they_are() {
    let compose = ("compose.yaml", "services:\n  web: { build: . }\n  db: { image: \"postgres:17\" }\n");
    assert_eq!(manifest(&[compose]), "name: shop\n\ncompose: compose.yaml\n");
    assert_eq!(manifest(&[("Procfile", "web: ./serve $PORT\n")]), "name: shop\n\nprocfile: Procfile\n");
    let both = sketch(&[compose, ("Procfile", "web: ./serve\n"), ("Dockerfile", "FROM scratch\n")]);
    assert_eq!(both.imports, [("compose".to_owned(), "compose.yaml".to_owned())]);
    assert!(both.left.iter().any(|left| left.starts_with("Procfile: not used")), "{:?}", both.left);
    // Containers of what others make say nothing of the program of this project.
    let beside = sketch(&[("compose.yml", "services:\n  web: { image: nginx }\n"), ("Procfile", "app: ./serve\n")]);
    assert_eq!(beside.imports.len(), 2);
}

#[test]
fn a_package_of_npm_is_a_service() {
    let package = r#"{ "scripts": { "dev": "node server.js" }, "dependencies": { "left": "1" } }"#;
    let server = ("server.js", "require('http').createServer().listen(process.env.PORT)\n");
    assert_eq!(
        manifest(&[("package.json", package), ("package-lock.json", "{}"), server]),
        "name: shop\n\ntasks:\n  install:\n    run: npm ci --no-audit --no-fund\n    inputs: [package.json, package-lock.json]\n    \
         outputs: [node_modules/.package-lock.json]\n\nservices:\n  web:\n    run: npm run dev\n    env: { PORT: \"${port}\" }\n    \
         port: auto\n    after: [install]\n"
    );
    let vite = manifest(&[("package.json", r#"{ "scripts": { "start": "vite" } }"#), ("pnpm-lock.yaml", "")]);
    assert!(vite.contains("run: pnpm run start --host 127.0.0.1 --port ${port} --strictPort\n"), "{vite}");
    let library = sketch(&[("package.json", r#"{ "name": "library" }"#)]);
    assert!(library.left[0].contains("none of the scripts"), "{:?}", library.left);
    let broken = sketch(&[("package.json", "{")]);
    assert!(broken.left[0].contains("cannot be read as JSON"));
    let silent = sketch(&[("package.json", r#"{ "scripts": { "start": "node x.js" } }"#), ("x.js", "listen(3000)")]);
    assert!(silent.left[0].starts_with("web: how it is told its port"), "{:?}", silent.left);
}

#[test]
fn a_package_of_cargo_is_built_and_run_if_it_serves() {
    let cargo = ("Cargo.toml", "[package]\nname = \"shop\"\n\n[dependencies]\naxum = \"0.8\"\n");
    let main = ("src/main.rs", "fn main() { std::env::var(\"PORT\"); }\n");
    assert_eq!(
        manifest(&[cargo, main, ("Cargo.lock", "")]),
        "name: shop\n\ntasks:\n  build:\n    run: cargo build --locked\n    inputs: [\"src/**\", Cargo.toml, Cargo.lock]\n    \
         outputs: [target/debug/shop]\n\nservices:\n  web:\n    run: target/debug/shop\n    after: [build]\n    \
         env: { PORT: \"${port}\" }\n    port: auto\n"
    );
    let tool = sketch(&[("Cargo.toml", "[package]\nname = \"tool\"\n"), ("src/main.rs", "fn main() {}\n")]);
    assert!(tool.services.is_empty() && tool.tasks.len() == 1, "{tool:?}");
    let several = sketch(&[
        ("Cargo.toml", "[package]\nname = \"a\"\n[[bin]]\nname = \"one\"\n[[bin]]\nname = \"two\"\n"),
        ("src/main.rs", ""),
    ]);
    assert!(several.left[0].contains("one, two"), "{:?}", several.left);
    let workspace = sketch(&[("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n")]);
    assert!(workspace.left[0].contains("a workspace of several packages"), "{:?}", workspace.left);
}

#[test]
fn a_django_project_is_migrated_before_it_serves() {
    let manage = ("manage.py", "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n");
    let own = ("shop/settings.py", "DATABASES = {'default': {'NAME': BASE_DIR / 'db.sqlite3'}}\n");
    let text = manifest(&[manage, own]);
    for part in [
        "  migrate:\n    run: python3 manage.py migrate --noinput\n    inputs: [\"**/migrations/*.py\"]\n    outputs: [db.sqlite3]\n",
        "  web:\n    run: python3 manage.py runserver --noreload 127.0.0.1:${port}\n    port: auto\n    after: [migrate]\n",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let url = ("shop/settings.py", "DATABASES = {'default': dj_database_url.parse(os.environ['DATABASE_URL'])}\n");
    let text = manifest(&[manage, url, ("requirements.txt", "django\npsycopg[binary]\n")]);
    for part in [
        "  install:\n    run: { shell: \"python3 -m venv .venv && echo '*' > .venv/.gitignore && .venv/bin/pip install --quiet -r \
         requirements.txt\" }\n",
        "  main:\n    engine: postgres\n    schema: { run: .venv/bin/python manage.py migrate --noinput, ",
        "after: [install] }\n",
        "    env: { DATABASE_URL: \"${databases.main.url}\" }\n",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // A frontend beside it is another service.
    let text = manifest(&[manage, own, ("package.json", r#"{ "scripts": { "dev": "vite" } }"#)]);
    assert!(text.contains("  web:\n") && text.contains("  frontend:\n"), "{text}");
}

#[test]
fn a_dockerfile_is_used_where_nothing_else_says_how() {
    assert_eq!(
        manifest(&[("Dockerfile", "FROM scratch\nEXPOSE 8080/tcp\n")]),
        "name: shop\n\nservices:\n  web:\n    build: .\n    port: { container: 8080 }\n"
    );
    let other = manifest(&[("Containerfile", "FROM scratch\n")]);
    assert!(other.contains("build: { context: ., dockerfile: Containerfile }"), "{other}");
    let npm = sketch(&[("Dockerfile", "FROM node\n"), ("package.json", r#"{ "scripts": { "dev": "next" } }"#)]);
    assert!(npm.left.iter().any(|left| left.starts_with("Dockerfile: not used")), "{:?}", npm.left);
}

#[test]
fn what_others_made_is_not_searched_and_neither_is_what_is_left_out() {
    let package = ("package.json", r#"{ "scripts": { "start": "node a.js" } }"#);
    let foreign = ("node_modules/x/index.js", "process.env.PORT\n");
    assert!(!manifest(&[package, foreign]).contains("port: auto"));
    let directory = project(&[("Procfile", "web: ./serve\n")]);
    assert!(draw(&directory.path().join("shop"), &["Procfile"]).expect("readable").found.is_empty());
}
