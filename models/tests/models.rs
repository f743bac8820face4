//! Properties and reference numbers of the mathematics.
mod properties {
    mod forecast;
}
mod reference {
    mod glm;
    mod naive;
    mod table;
}
mod support;
