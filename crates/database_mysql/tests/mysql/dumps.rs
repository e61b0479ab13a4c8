//! Dumps of others: what `mariadb-dump` and `mysqldump` write on other servers.

use std::fs;

use database::contract::Harness as _;
use database::{DatabaseError, StateName};
use mysql::prelude::Queryable as _;

use crate::harness::MysqlHarness;

/// As mysqldump writes it with `--databases`, of a database whose objects belong to somebody else.
const FOREIGN: &str = r"-- MySQL dump 10.13  Distrib 8.0.39, for Linux (x86_64)
--
-- Host: db.example.com    Database: shop
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77,
4e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;

USE `shop`;
DROP TABLE IF EXISTS `line`;
CREATE TABLE `line` (
  `id` int NOT NULL AUTO_INCREMENT,
  `product` int NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `line_product` FOREIGN KEY (`product`) REFERENCES `product` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3;
INSERT INTO `line` VALUES (1,7),(2,7);
CREATE TABLE `product` (`id` int NOT NULL, `name` varchar(50), PRIMARY KEY (`id`)) ENGINE=InnoDB;
INSERT INTO `product` VALUES (7,'USE `x`; DEFINER=`a`@`b`');
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`shopper`@`10.%`*/ /*!50003 TRIGGER `product_name` BEFORE INSERT ON `product` FOR EACH ROW BEGIN
  SET NEW.name = UPPER(NEW.name);
END */;;
CREATE DEFINER=`shopper`@`10.%` PROCEDURE `add_product`(IN id int)
BEGIN
  INSERT INTO product VALUES (id, 'new');
END ;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`shopper`@`10.%` SQL SECURITY DEFINER */
/*!50001 VIEW `names` AS select `product`.`name` AS `name` from `product` */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
-- Dump completed on 2025-01-01  0:00:00
";

fn name(name: &str) -> StateName {
    StateName::new(name).expect("a valid name")
}

#[test]
fn a_dump_of_another_server_becomes_a_state() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    let dump = harness.directory().join("shop.sql");
    fs::write(&dump, FOREIGN).expect("write");
    database.restore_as(&name("base"), &dump).expect("restore");
    database.reset_to(&name("base"), None).expect("reset");
    let counts: Vec<_> = database.row_counts().expect("row counts").into_iter().collect();
    assert_eq!(counts, [("line".to_owned(), 2), ("product".to_owned(), 1)]);
    let mut service = harness.service();
    service.query_drop("CALL add_product(8)").expect("the procedure belongs to somebody who is here");
    let names: Vec<String> = service.query("SELECT name FROM names ORDER BY name").expect("the view");
    assert_eq!(names, ["NEW", "USE `x`; DEFINER=`a`@`b`"]);
    let shop: Option<u64> = service
        .query_first("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop'")
        .expect("look");
    assert_eq!(shop, Some(0), "no other database is made");
}

#[test]
fn a_dump_that_cannot_be_used_says_why() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    let dump = harness.directory().join("shop.sql");
    let cases = [
        (FOREIGN.replace("-- Dump completed", "--"), "cut short"),
        (FOREIGN.replace("DELIMITER ;\n", "DELIMITER ;\nUSE `other`;\n"), "several databases"),
        (FOREIGN.replace("`name` varchar(50)", "`name` varchar(50) COLLATE nowhere_ci"), "nowhere_ci"),
        ("\\! touch /tmp/seedbed-was-here\nSELECT 1;".to_owned(), "Unknown command"),
        ("-- nothing\n".to_owned(), "no statements"),
    ];
    for (text, reason) in cases {
        fs::write(&dump, text).expect("write");
        match database.restore_as(&name("base"), &dump) {
            Err(DatabaseError::Damaged { reason: found, .. }) => assert!(found.contains(reason), "{found}"),
            other => panic!("{reason}: {other:?}"),
        }
        assert_eq!(database.kept().expect("kept"), []);
    }
    assert!(!std::path::Path::new("/tmp/seedbed-was-here").exists(), "a dump runs no programs");
}
